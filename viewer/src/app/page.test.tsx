/** The whole page by role and name, over a source made by hand. */
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { DETAIL } from "@/testing/detail";
import { notThere, openPage, summaryOf } from "@/testing/page";
import type { TestRow } from "@/testing/rows";

const ROWS: readonly TestRow[] = [
  { id: 1, score: 0.9, organization: "Ardèche", camera: "Cam 9", startedAt: "2026-05-01T10:00:00Z" },
  { id: 2, score: 0.2, organization: "Var", camera: "Cam 10", startedAt: "2026-05-02T10:00:00Z" },
  { id: 3, score: null, organization: "Var", camera: "<b>bold</b>", startedAt: null },
];
const LABELLED = ROWS.map((row) => ({ ...row, label: row.id === 2 ? ("smoke" as const) : ("fp" as const) }));

const user = userEvent.setup();
const table = () => screen.findByRole("grid", { name: "Sequences" });
const ids = () =>
  within(screen.getByRole("grid", { name: "Sequences" }))
    .getAllByRole("row")
    .slice(1)
    .map((row) => within(row).getAllByRole("gridcell")[0]?.textContent);

describe("the page", () => {
  it("shows the cards, the rows by score, and how many of how many", async () => {
    openPage({ rows: ROWS });
    await table();
    expect(screen.getByRole("button", { name: "To Review: 1 sequence, 33.3 %" })).toBeVisible();
    expect(screen.getByRole("button", { name: /^Hold: 1/ })).toBeVisible();
    expect(ids()).toEqual(["1", "2", "3"]);
    expect(screen.getByText("/ 3 shown")).toHaveTextContent("3 / 3 shown");
  });

  it("shows names as text, never as markup", async () => {
    openPage({ rows: ROWS });
    await table();
    expect(screen.getByText("<b>bold</b>")).toBeVisible();
  });

  it("follows the slider with cards, table and address, and resets", async () => {
    openPage({ rows: ROWS, address: "?bucket=review" });
    await table();
    expect(ids()).toEqual(["1"]);
    await user.click(screen.getByRole("button", { name: "Set threshold 0.20" }));
    expect(screen.getByRole("button", { name: /^To Review: 2/ })).toBeVisible();
    await waitFor(() => expect(ids()).toEqual(["1", "2"]));
    await waitFor(() => expect(window.location.search).toBe("?t=0.2&bucket=review"));
    await user.click(screen.getByRole("button", { name: "Reset to 0.35" }));
    await waitFor(() => expect(ids()).toEqual(["1"]));
  });

  it("filters by card, organization and text, and clears", async () => {
    openPage({ rows: ROWS });
    await table();
    await user.click(screen.getByRole("button", { name: "Var: 0 to review of 2" }));
    await waitFor(() => expect(ids()).toEqual(["2", "3"]));
    await user.click(screen.getByRole("button", { name: /^Hold: 1/ }));
    await waitFor(() => expect(ids()).toEqual(["3"]));
    await user.click(screen.getByRole("button", { name: "Clear all" }));
    await user.type(screen.getByRole("searchbox", { name: /Search/ }), "cam 10");
    await waitFor(() => expect(ids()).toEqual(["2"]));
    await user.clear(screen.getByRole("searchbox", { name: /Search/ }));
    await user.type(screen.getByRole("searchbox", { name: /Search/ }), "nowhere");
    expect(await screen.findByText("No sequence passes these filters")).toBeVisible();
  });

  it("sorts by a column and says so", async () => {
    openPage({ rows: ROWS });
    await table();
    await user.click(within(await table()).getByRole("button", { name: "Camera" }));
    await waitFor(() => expect(ids()).toEqual(["3", "1", "2"]));
    expect(screen.getByRole("columnheader", { name: /Camera/ })).toHaveAttribute("aria-sort", "ascending");
  });

  it("shows outcomes with labels and nothing of them without", async () => {
    const { unmount } = openPage({ rows: ROWS });
    await table();
    expect(screen.queryByRole("columnheader", { name: "Outcome" })).toBeNull();
    expect(screen.queryByText("Against labels")).toBeNull();
    unmount();
    openPage({ rows: LABELLED });
    await table();
    expect(screen.getByRole("columnheader", { name: "Outcome" })).toBeVisible();
    expect(screen.getByRole("button", { name: "1 discarded smoke" })).toBeVisible();
  });

  it("moves and opens with the keyboard, and goes back with Escape", async () => {
    openPage({ rows: ROWS, details: { "pyro-annotator_1": DETAIL } });
    await table();
    await user.keyboard("jk{Enter}");
    expect(await screen.findByRole("region", { name: "Sequence 1" })).toBeVisible();
    expect(await screen.findByRole("region", { name: "Tube 0" })).toBeVisible();
    expect(screen.getByText("1 / 3")).toBeVisible();
    await user.keyboard("j");
    expect(await screen.findByRole("region", { name: "Sequence 2" })).toBeVisible();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("region", { name: /Sequence/ })).toBeNull();
  });

  it("lists every key in the help sheet", async () => {
    openPage({ rows: ROWS });
    await table();
    await user.keyboard("?");
    const sheet = screen.getByRole("dialog", { name: "Keys" });
    expect(within(sheet).getByText("Switch between table and grid")).toBeVisible();
    await user.click(within(sheet).getByRole("button", { name: "Close" }));
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it("switches to the grid and back", async () => {
    openPage({ rows: ROWS });
    await table();
    await user.keyboard("g");
    expect(await screen.findByRole("list", { name: "Sequences" })).toBeVisible();
    expect(screen.getByRole("button", { name: /Sequence 1, To Review, score 0.900, Cam 9/ })).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Table" }));
    expect(await table()).toBeVisible();
  });

  it("explains the model's settings", async () => {
    openPage({ rows: ROWS });
    await table();
    await user.click(screen.getByRole("button", { name: "Model" }));
    expect(await screen.findByText("Same object from")).toBeVisible();
  });
});

describe("an open sequence", () => {
  it("says what a missing frame lacks", async () => {
    openPage({ rows: ROWS, details: { "pyro-annotator_1": DETAIL }, address: "?open=pyro-annotator_1" });
    expect(await screen.findByText("Frame 1 of 3 cannot be shown")).toBeVisible();
    expect(screen.getByText("frame 0 of pyro-annotator_1 is not there")).toBeVisible();
    await user.keyboard("{ArrowRight}{ArrowRight}");
    expect(screen.getByText("detection_3.jpg is not in the store")).toBeVisible();
  });

  it("says when it is not in this report", async () => {
    openPage({ rows: ROWS, address: "?open=pyro-annotator_77" });
    expect(await screen.findByText("This report has no such sequence")).toBeVisible();
  });

  it("says what failed and what to do next", async () => {
    openPage({ rows: ROWS, address: "?open=pyro-annotator_2" });
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent("Cannot show this sequence");
    expect(alert).toHaveTextContent("Next: run `triage pull`");
  });

  it("warns of parts that could not be read", async () => {
    const partial = { ...DETAIL, partial: ["details/pyro-annotator_1.json is not JSON"] };
    openPage({ rows: ROWS, details: { "pyro-annotator_1": partial }, address: "?open=pyro-annotator_1" });
    expect(await screen.findByText("details/pyro-annotator_1.json is not JSON")).toBeVisible();
  });
});

describe("without data", () => {
  it("shows an empty report as such", async () => {
    openPage({ rows: [] });
    expect(await screen.findByText("This report has no sequences")).toBeVisible();
  });

  it("says how to get a first report", async () => {
    openPage({ rows: [], replaced: { reports: () => Promise.resolve([]) } });
    expect(await screen.findByText("No report yet")).toBeVisible();
  });

  it("names a report that is not there and offers the others", async () => {
    openPage({ rows: ROWS, address: "?report=<i>x</i>" });
    expect(await screen.findByText("There is no such report")).toBeVisible();
    await user.selectOptions(screen.getByRole("combobox", { name: "Report" }), "vit-0-2-0");
    expect(await table()).toBeVisible();
  });

  it("retries when the server comes back", async () => {
    let asked = 0;
    openPage({
      rows: ROWS,
      replaced: { reports: () => (asked++ === 0 ? Promise.reject(notThere("the server")) : Promise.resolve([summaryOf(ROWS)])) },
    });
    expect(await screen.findByRole("alert")).toHaveTextContent("Cannot show the reports");
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await table()).toBeVisible();
  });
});
