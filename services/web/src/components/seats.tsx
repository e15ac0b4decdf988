interface Props {
  taken: number;
  seats: number;
  className?: string | undefined;
}

const mostDots = 20;

/**
 * People around a table: the platform's sign, and how full a room is. Every dot is a seat; a room with more seats than can be
 * told apart shows the share of them that is taken.
 */
export function Seats({ taken, seats, className }: Props) {
  const dots = Math.max(1, Math.min(seats, mostDots));
  // Rounded so that only an empty room looks empty and only a full one full.
  const share = seats > 0 ? taken / seats : 0;
  const filled = share >= 1 ? dots : share <= 0 ? 0 : Math.min(dots - 1 || 1, Math.max(1, Math.round(share * dots)));
  const radius = dots > 14 ? 3.1 : dots > 9 ? 3.9 : 4.7;
  return (
    <svg viewBox="0 0 64 64" className={className} aria-hidden="true">
      <circle cx="32" cy="32" r="13" fill="currentColor" fillOpacity="0.13" />
      {Array.from({ length: dots }, (_, i) => {
        const angle = (i / dots) * 2 * Math.PI - Math.PI / 2;
        const x = 32 + 25 * Math.cos(angle);
        const y = 32 + 25 * Math.sin(angle);
        return i < filled ? (
          <circle key={i} cx={x} cy={y} r={radius} fill="currentColor" />
        ) : (
          <circle key={i} cx={x} cy={y} r={radius - 0.75} fill="none" stroke="currentColor" strokeOpacity="0.42" strokeWidth="1.5" />
        );
      })}
    </svg>
  );
}
