/** View: everything a person would share by sending the address, and its codec. Pure; the store beside this file keeps it. */
import { BUCKETS, type Bucket } from "@/lib/columns/buckets";
import { NO_FILTERS, SAID, type Filters, type Said } from "@/lib/columns/filter";
import { DEFAULT_SORT, SORT_COLUMNS, type Sort, type SortColumn } from "@/lib/columns/order";
import { OUTCOMES, type Outcome } from "@/lib/columns/outcomes";

export const MODES = ["table", "grid", "sweep", "audit"] as const;
export type Mode = (typeof MODES)[number];

export interface View {
  /** Variant of the report; null = the latest. */
  readonly report: string | null;
  readonly mode: Mode;
  /** Key of the open sequence; null = none. */
  readonly open: string | null;
  /** In [0, 1]; null = the run's own. */
  readonly threshold: number | null;
  readonly sort: Sort;
  /** Columns that the table does not show. */
  readonly hidden: readonly SortColumn[];
  readonly filters: Filters;
}

export const START: View = { report: null, mode: "table", open: null, threshold: null, sort: DEFAULT_SORT, hidden: [], filters: NO_FILTERS };

/** Reads an address's query. What cannot be understood counts as not said: a mangled link opens, it does not fail. */
export function parseView(search: string): View {
  const query = new URLSearchParams(search);
  const text = (name: string) => query.get(name) ?? "";
  const words = <T extends string>(name: string, known: readonly T[]) =>
    query.getAll(name).filter((word): word is T => (known as readonly string[]).includes(word));
  const descending = text("sort").startsWith("-");
  const column = text("sort").replace(/^-/, "");
  const decided = text("decided");
  return {
    report: query.get("report"),
    mode: MODES.find((mode) => mode === text("mode")) ?? "table",
    open: query.get("open"),
    threshold: unit(text("t")),
    sort: isSortColumn(column) ? { column, descending } : DEFAULT_SORT,
    hidden: words<SortColumn>("hide", SORT_COLUMNS),
    filters: {
      buckets: words<Bucket>("bucket", BUCKETS),
      organizations: query.getAll("org"),
      cameras: query.getAll("camera"),
      holdReasons: query.getAll("hold"),
      outcomes: words<Outcome>("outcome", OUTCOMES),
      scoreMin: unit(text("min")),
      scoreMax: unit(text("max")),
      from: day(text("from")),
      to: day(text("to")),
      alert: /^\d{1,15}$/.test(text("alert")) ? Number(text("alert")) : null,
      decided: decided === "yes" ? true : decided === "no" ? false : null,
      said: words<Said>("said", SAID)[0] ?? null,
      part: /^[1-9]\d{0,3}\/[1-9]\d{0,3}( by camera)?$/.test(text("part")) ? text("part") : null,
      text: text("q"),
    },
  };
}

/** The query of an address, "" or "?..."; only what differs from START is said. */
export function formatView(view: View): string {
  const query = new URLSearchParams();
  const say = (name: string, value: string | number | null) => {
    if (value !== null && value !== "") query.append(name, String(value));
  };
  const { filters, sort } = view;
  say("report", view.report);
  if (view.mode !== START.mode) say("mode", view.mode);
  say("t", view.threshold);
  if (sort.column !== DEFAULT_SORT.column || sort.descending !== DEFAULT_SORT.descending) {
    say("sort", (sort.descending ? "-" : "") + sort.column);
  }
  for (const [name, values] of [
    ["hide", view.hidden],
    ["bucket", filters.buckets],
    ["org", filters.organizations],
    ["camera", filters.cameras],
    ["hold", filters.holdReasons],
    ["outcome", filters.outcomes],
  ] as const) {
    for (const value of values) say(name, value);
  }
  say("min", filters.scoreMin);
  say("max", filters.scoreMax);
  say("from", filters.from);
  say("to", filters.to);
  say("alert", filters.alert);
  if (filters.decided !== null) say("decided", filters.decided ? "yes" : "no");
  say("said", filters.said);
  say("part", filters.part);
  say("q", filters.text);
  say("open", view.open);
  const written = query.toString();
  return written === "" ? "" : `?${written}`;
}

function unit(text: string): number | null {
  const value = Number(text);
  return text.trim() !== "" && value >= 0 && value <= 1 ? value : null;
}

function day(text: string): string | null {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : null;
}

function isSortColumn(text: string): text is SortColumn {
  return (SORT_COLUMNS as readonly string[]).includes(text);
}
