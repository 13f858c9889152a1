/** The table's columns: what each shows and sorts by, and when it is there. */
import type { SortColumn } from "@/lib/columns/order";
import type { Report } from "@/lib/report/report";

export interface Column {
  readonly id: SortColumn;
  readonly title: string;
  /** A CSS grid track. */
  readonly width: string;
  readonly numeric: boolean;
  readonly help?: string;
}

const ALL: readonly Column[] = [
  { id: "key", title: "Sequence", width: "76px", numeric: false },
  { id: "score", title: "Score", width: "64px", numeric: true, help: "0 to 1, higher looks more like smoke; – = could not be judged" },
  { id: "bucket", title: "Bucket", width: "104px", numeric: false, help: "At the threshold of the slider" },
  { id: "outcome", title: "Outcome", width: "108px", numeric: false, help: "Against the label, at the threshold of the slider" },
  { id: "decision", title: "Decision", width: "104px", numeric: false },
  { id: "organization", title: "Organization", width: "minmax(96px, 1fr)", numeric: false },
  { id: "camera", title: "Camera", width: "minmax(110px, 1.8fr)", numeric: false },
  { id: "azimuth", title: "Azimuth", width: "74px", numeric: true, help: "Where the camera looks, in degrees" },
  { id: "time", title: "Start (UTC)", width: "134px", numeric: false },
  { id: "tubes", title: "Tubes", width: "58px", numeric: true, help: "Boxes followed over frames that the model kept" },
  { id: "frames", title: "Frames", width: "64px", numeric: true },
  { id: "trigger", title: "Trigger", width: "64px", numeric: true, help: "0-based frame at which the model fired; – = never" },
];

export function columnsOf(report: Pick<Report, "table" | "decisions">): readonly Column[] {
  return ALL.filter(({ id }) => (id !== "outcome" || report.table.labelled) && (id !== "decision" || report.decisions !== null));
}

/** First click on a column: numbers from the top, names from A; a second click turns it round. */
export function nextSort(current: { column: SortColumn; descending: boolean }, column: Column) {
  if (current.column === column.id) return { column: column.id, descending: !current.descending };
  return { column: column.id, descending: column.numeric || column.id === "time" };
}
