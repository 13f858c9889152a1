/** A personal setting (tile size, speed) that this browser remembers; not in the address, because it is not worth sharing. */
import { useState } from "react";

export function useStoredNumber(name: string, start: number): [number, (value: number) => void] {
  const [value, setValue] = useState(() => {
    try {
      const saved = Number(localStorage.getItem(`triage-${name}`) ?? NaN);
      return Number.isFinite(saved) ? saved : start;
    } catch {
      return start; // storage can be forbidden; the page works without it
    }
  });
  return [
    value,
    (next) => {
      setValue(next);
      try {
        localStorage.setItem(`triage-${name}`, String(next));
      } catch {
        // Not remembered, but set.
      }
    },
  ];
}
