/** The keymap as the help sheet lists it. */
export interface KeyEntry {
  readonly keys: readonly string[];
  readonly group: string;
  readonly what: string;
}

const NAMES: Readonly<Record<string, string>> = {
  " ": "Space",
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
  PageDown: "Page ↓",
  PageUp: "Page ↑",
};

export const keyName = (key: string): string => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);

export function keyGroups(entries: readonly KeyEntry[]): readonly { group: string; entries: readonly KeyEntry[] }[] {
  const groups = [...new Set(entries.map(({ group }) => group))];
  return groups.map((group) => ({ group, entries: entries.filter((entry) => entry.group === group) }));
}
