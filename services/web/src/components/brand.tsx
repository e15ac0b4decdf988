import { useI18n } from "../i18n";
import s from "./brand.module.css";

const seats = [
  [32, 12.5],
  [48.9, 22.25],
  [48.9, 41.75],
  [32, 51.5],
  [15.1, 41.75],
] as const;

/** Six around a table, one of them just arriving. */
export function Mark({ className }: { className?: string | undefined }) {
  return (
    <svg viewBox="0 0 64 64" className={`${s.mark} ${className ?? ""}`} aria-hidden="true">
      {seats.map(([x, y]) => (
        <circle key={`${x} ${y}`} cx={x} cy={y} r="7.4" fill="currentColor" />
      ))}
      <circle cx="15.1" cy="22.25" r="7.4" className={s.guest} />
    </svg>
  );
}

export function Brand() {
  const { t } = useI18n();
  return (
    <span className={s.brand}>
      <Mark />
      {t("app.name")}
    </span>
  );
}

// Rings of seats that fill towards the table in the middle: how full each ring is, from the inside out.
const rings = [
  { radius: 58, dots: 10, filled: 10, size: 9 },
  { radius: 94, dots: 16, filled: 12, size: 8 },
  { radius: 130, dots: 24, filled: 11, size: 6.5 },
  { radius: 166, dots: 34, filled: 7, size: 5 },
];

export function Gathering() {
  return (
    <svg viewBox="0 0 360 360" className={s.gathering} aria-hidden="true">
      {rings.map(({ radius, dots, filled, size }, ring) => (
        <g key={radius} className={s.ring}>
          {Array.from({ length: dots }, (_, i) => {
            const angle = ((i + ring * 0.37) / dots) * 2 * Math.PI;
            // A step that shares no divisor with the count spreads the taken seats over the ring.
            const taken = (i * 7) % dots < filled;
            return (
              <circle
                key={i}
                cx={180 + radius * Math.cos(angle)}
                cy={180 + radius * Math.sin(angle)}
                r={taken ? size : size * 0.45}
                className={taken ? (i * 5 + ring) % 9 === 2 ? s.warm : s.taken : s.free}
              />
            );
          })}
        </g>
      ))}
    </svg>
  );
}
