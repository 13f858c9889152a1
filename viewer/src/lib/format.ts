/** Numbers and times as people read them. Rounding happens here and nowhere else. */
const whole = new Intl.NumberFormat("en");

export const count = (value: number): string => whole.format(value);

/** "37.4 %", "<0.1 %", "0 %"; "–" when there is nothing to take a share of. */
export function share(part: number, total: number): string {
  if (total === 0) return "–";
  const percent = (100 * part) / total;
  if (part > 0 && percent < 0.1) return "<0.1 %";
  if (part < total && percent > 99.9) return ">99.9 %";
  return `${Number.isInteger(percent) ? percent : percent.toFixed(1)} %`;
}

export const score = (value: number | null): string => (value === null ? "–" : value.toFixed(3));
export const threshold = (value: number): string => value.toFixed(3).replace(/0$/, "");
export const plain = (value: number | null): string => (value === null ? "–" : String(value));
export const degrees = (value: number | null): string => (value === null ? "–" : `${Math.round(value)}°`);

/** "2026-06-03 22:06:30", UTC. */
export function time(milliseconds: number | null, seconds = false): string {
  if (milliseconds === null || Number.isNaN(milliseconds)) return "–";
  return new Date(milliseconds).toISOString().replace("T", " ").slice(0, seconds ? 19 : 16);
}

/** "1 sequence", "1,204 sequences". */
export const counted = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`;
