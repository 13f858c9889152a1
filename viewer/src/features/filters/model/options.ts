/** What the filters offer: names with their number of rows, and the chips that say what is filtered. */
import { BUCKET_LOOKS, holdReason } from "@/lib/buckets";
import { NO_FILTERS, type Filters, type Said } from "@/lib/columns/filter";
import type { DictColumn } from "@/lib/columns/table";

export const SAID_NAMES: Readonly<Record<Said, string>> = { mine: "Mine", disagreement: "Disagreements", second_look: "For a second look" };

export interface Option {
  readonly value: string;
  readonly label: string;
  readonly count: number;
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

export function optionsOf(column: DictColumn, label: (name: string) => string = (name) => name): readonly Option[] {
  const counts = new Uint32Array(column.names.length);
  for (const code of column.codes) if (code >= 0) counts[code]!++;
  return column.names
    .map((value, code) => ({ value, label: label(value), count: counts[code]! }))
    .filter((option) => option.count > 0)
    .sort((a, b) => collator.compare(a.label, b.label));
}

export interface Chip {
  readonly label: string;
  /** The filters without this chip. */
  readonly without: Filters;
}

/** One chip per condition in force, in the order of the filter bar. The search text shows itself and has none. */
export function chipsOf(filters: Filters): readonly Chip[] {
  const chips: Chip[] = [];
  const list = <Name extends "buckets" | "organizations" | "cameras" | "holdReasons" | "outcomes">(
    name: Name,
    label: (value: Filters[Name][number]) => string,
  ) => {
    const values: readonly Filters[Name][number][] = filters[name];
    for (const value of values) {
      chips.push({ label: label(value), without: { ...filters, [name]: values.filter((other) => other !== value) } });
    }
  };
  const single = (name: keyof Filters, label: string) => {
    if (filters[name] !== null) chips.push({ label, without: { ...filters, [name]: NO_FILTERS[name] } });
  };
  list("buckets", (bucket) => BUCKET_LOOKS[bucket].name);
  list("organizations", (name) => name);
  list("cameras", (name) => name);
  list("holdReasons", (reason) => `Hold: ${holdReason(reason)}`);
  list("outcomes", (outcome) => outcome.replace("-", " "));
  single("scoreMin", `Score ≥ ${filters.scoreMin}`);
  single("scoreMax", `Score ≤ ${filters.scoreMax}`);
  single("from", `From ${filters.from}`);
  single("to", `To ${filters.to}`);
  single("alert", `Alert ${filters.alert}`);
  single("decided", filters.decided === true ? "Decided" : "Undecided");
  single("said", filters.said === null ? "" : SAID_NAMES[filters.said]);
  single("part", `Part ${filters.part}`);
  return chips;
}
