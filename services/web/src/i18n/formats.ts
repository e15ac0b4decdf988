export interface Formats {
  /** 14:05 */
  time(iso: string): string;
  /** Saturday, 21 November 2026 */
  day(iso: string): string;
  dateTime(iso: string): string;
  /** 5 minutes ago */
  ago(iso: string): string;
  number(value: number): string;
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Dates and numbers as a language writes them, in the browser's time zone. */
export function formats(language: string): Formats {
  const time = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(language, { dateStyle: "full" });
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const number = new Intl.NumberFormat(language);
  return {
    time: (iso) => time.format(new Date(iso)),
    day: (iso) => day.format(new Date(iso)),
    dateTime: (iso) => dateTime.format(new Date(iso)),
    ago(iso) {
      const seconds = (Date.parse(iso) - Date.now()) / 1000;
      const [unit, length] = steps.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", Infinity];
      // Below a minute a count of seconds is noise: "now" in every language.
      return relative.format(Math.trunc(seconds / length) || 0, unit);
    },
    number: (value) => number.format(value),
  };
}
