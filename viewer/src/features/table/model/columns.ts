/** The table's columns: what each shows and sorts by, and when it is there. */
import type { SortColumn } from "@/lib/columns/order";
import type { Report } from "@/lib/report/report";

export interface Column {
  readonly id: SortColumn;
  readonly title: string;
  /** Pixels; with `grow` the least, and how its share of what is left compares to others'. */
  readonly width: number;
  readonly grow?: number;
  readonly numeric: boolean;
  readonly help?: string;
}

const ALL: readonly Column[] = [
  { id: "key", title: "Sequence", width: 66, numeric: false },
  { id: "score", title: "Score", width: 56, numeric: true, help: "0 to 1, higher looks more like smoke; – = could not be judged" },
  { id: "bucket", title: "Bucket", width: 98, numeric: false, help: "At the threshold of the slider" },
  { id: "outcome", title: "Outcome", width: 118, numeric: false, help: "Against the label, at the threshold of the slider" },
  { id: "decision", title: "Decision", width: 84, numeric: false },
  { id: "organization", title: "Organization", width: 98, grow: 1, numeric: false },
  { id: "camera", title: "Camera", width: 96, grow: 1.8, numeric: false },
  { id: "azimuth", title: "Azimuth", width: 62, numeric: true, help: "Where the camera looks, in degrees" },
  { id: "time", title: "Start (UTC)", width: 128, numeric: false },
  { id: "tubes", title: "Tubes", width: 46, numeric: true, help: "Boxes followed over frames that the model kept" },
  { id: "frames", title: "Frames", width: 50, numeric: true },
  { id: "trigger", title: "Trigger", width: 50, numeric: true, help: "0-based frame at which the model fired; – = never" },
];

/** Pixels between two columns, and beside the first and the last; as in SequenceTable.module.css. */
const GAP = 6;
const EDGE = 10;

/** The CSS grid tracks of a row, and the least width in pixels at which nothing is cut. */
export function layoutOf(columns: readonly Column[]): { readonly tracks: string; readonly least: number } {
  return {
    tracks: columns.map(({ width, grow }) => (grow === undefined ? `${width}px` : `minmax(${width}px, ${grow}fr)`)).join(" "),
    least: columns.reduce((sum, { width }) => sum + width, 0) + GAP * (columns.length - 1) + 2 * EDGE,
  };
}

/** The columns that this report has something to say in, less those that a person hid. */
export function columnsOf(report: Pick<Report, "table" | "decisions">, hidden: readonly SortColumn[] = []): readonly Column[] {
  return ALL.filter(
    ({ id }) => !hidden.includes(id) && (id !== "outcome" || report.table.labelled) && (id !== "decision" || report.decisions !== null),
  );
}

/** First click on a column: numbers from the top, names from A; a second click turns it round. */
export function nextSort(current: { column: SortColumn; descending: boolean }, column: Column) {
  if (current.column === column.id) return { column: column.id, descending: !current.descending };
  return { column: column.id, descending: column.numeric || column.id === "time" };
}
