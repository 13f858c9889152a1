import type { Pace } from "@/lib/review/reviewSource";

/** ", 1,240 an hour, 3 h left"; "" when there is nothing to go by. */
export function paceText({ per_hour, seconds_left }: Pick<Pace, "per_hour" | "seconds_left">): string {
  if (per_hour === null || seconds_left === null) return "";
  const minutes = Math.round(seconds_left / 60);
  const left = minutes < 1 ? "less than a minute" : minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60).toLocaleString("en")} h`;
  return `, ${Math.round(per_hour).toLocaleString("en")} an hour, ${left} left`;
}
