import type { DecisionKey } from "@/lib/review/vocabulary";

interface Props {
  id?: string;
  keys: readonly DecisionKey[];
  value: string;
  onChange: (words: string) => void;
}

const GROUPS = ["Smoke", "False positive", "Other"] as const;

/** The closed vocabulary: nothing can be misspelt. */
export function DecisionSelect({ id, keys, value, onChange }: Props) {
  return (
    <select id={id} aria-label="Decision" value={value} onChange={(event) => onChange(event.target.value)}>
      {GROUPS.map((group) => (
        <optgroup key={group} label={group}>
          {keys
            .filter((entry) => entry.group === group)
            .map((entry) => (
              <option key={entry.words} value={entry.words}>
                {entry.label}
              </option>
            ))}
        </optgroup>
      ))}
    </select>
  );
}
