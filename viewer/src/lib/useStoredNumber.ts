/** A personal setting (tile size, speed) that this browser remembers; not in the address, because it is not worth sharing. */
import { useCallback, useState } from "react";

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

/** The same for anything that JSON can hold. What was stored by another version of the page and does not parse counts as not stored. */
export function useStoredJson<T>(name: string, start: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => {
    try {
      const saved = localStorage.getItem(`triage-${name}`);
      return saved === null ? start : (JSON.parse(saved) as T);
    } catch {
      return start;
    }
  });
  const set = useCallback(
    (next: T) => {
      setValue(next);
      try {
        localStorage.setItem(`triage-${name}`, JSON.stringify(next));
      } catch {
        // Not remembered, but set.
      }
    },
    [name],
  );
  return [value, set];
}
