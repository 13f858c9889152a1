/** Decisions in a real Chromium over a real `triage view`: a backlog is cleared, a crash in the middle, an audit, a certificate. */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cannotRun, launch, makeReviewData, serve, triage, type Server } from "./tools";

/** Two white pixels beside each other: a strip of two crops. */
const PIXELS = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGP4/x8AAwAB//wl3FEAAAAASUVORK5CYII=", "base64");

interface Events {
  readonly events: readonly { kind: string; decision: string | null; count: number; undone: boolean }[];
}

describe.skipIf(cannotRun !== null)("a reviewer", () => {
  let root: string;
  let data: string;
  let remove: () => void;
  let browser: Browser;
  let server: Server;
  let page: Page;

  const visit = async (address = "") => {
    await page.goto(`${server.url.replace(/\/$/, "")}/${address}`);
  };
  const progress = async () => Number(/^([\d,]+) \/ 300 decided/.exec(await page.locator("[aria-label=Decisions] [role=status]").first().innerText())?.[1]);
  const decidedIs = (count: number) => expect.poll(progress, { timeout: 15_000 }).toBe(count);
  const history = () => (triage(data, "decide", "--history").summary as unknown as Events).events;

  beforeAll(async () => {
    ({ root, remove } = makeReviewData());
    data = join(root, "data");
    browser = await launch();
    server = await serve(data);
    // Tall enough for 24 tiles: only what is in sight as a whole is accepted.
    page = await browser.newPage({ viewport: { width: 1280, height: 1200 } });
    await page.addInitScript(() => localStorage.setItem("triage-sweep-tile", "100"));
    // Most of the 300 have no frames; what is tried here is deciding. Real strips are tried in page.test.ts.
    await page.route("**/strip?*", (route) => route.fulfill({ contentType: "image/png", body: PIXELS }));
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    remove?.();
  });

  it("clears 300 sequences by table, detail and sweep, with undo and a crash in the middle", async () => {
    await visit();
    await page.getByRole("grid", { name: "Sequences" }).waitFor();
    await page.getByRole("button", { name: "Decision keys" }).click();
    await page.getByRole("grid", { name: "Sequences" }).focus();
    await page.keyboard.press("Home");
    // Table: the three that score highest are smoke, the next one an antenna.
    for (const key of ["1", "1", "1", "a"]) await page.keyboard.press(key);
    await decidedIs(4);
    // Detail: one key decides and goes on.
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: /^Sequence / }).waitFor();
    const first = await page.getByRole("region", { name: /^Sequence / }).getAttribute("aria-label");
    await page.keyboard.press("j");
    await expect.poll(() => page.getByRole("region", { name: /^Sequence / }).getAttribute("aria-label")).not.toBe(first);
    await decidedIs(5);
    await page.keyboard.press("Escape");
    // Undo takes the last one back, redo brings it back.
    await page.keyboard.press("Control+z");
    await decidedIs(4);
    await page.keyboard.press("Control+Shift+Z");
    await decidedIs(5);
    expect(history().filter((event) => event.kind === "decide" && !event.undone).map((event) => event.decision)).toEqual([
      "dust",
      "antenna",
      "smoke:wildfire",
      "smoke:wildfire",
      "smoke:wildfire",
    ]);

    // Sweep: one exception, Space for the rest of the page.
    await page.getByRole("button", { name: "Sweep", exact: true }).click();
    const tiles = page.getByRole("list", { name: "Page of sequences" }).getByRole("button");
    await tiles.first().waitFor();
    const unlabel = Number(/: ([\d,]+) /.exec((await page.getByRole("button", { name: /^Unlabel: / }).getAttribute("aria-label"))!)![1]);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Accept 23 (Space)" }).waitFor();
    await page.keyboard.press("Space");
    await decidedIs(28);
    // Drawn at once; acknowledged when the receipt is there.
    await page.getByText("23 sequences decided as unlabeled").waitFor();

    // The machine dies; what was acknowledged is there again.
    await server.crash();
    await page.keyboard.press("Space");
    await page.getByRole("alert").filter({ hasText: "does not answer" }).waitFor();
    server = await serve(data);
    await visit("?mode=sweep&bucket=unlabeled");
    await decidedIs(28);
    for (let done = 28; done < 5 + unlabel; done = await progress()) {
      const before = done;
      await page.getByRole("button", { name: /^Accept [1-9]/ }).waitFor();
      await page.keyboard.press("Space");
      await expect.poll(progress, { timeout: 15_000 }).toBeGreaterThan(before);
    }
    await page.getByText("Everything in this filter is decided").waitFor();

    // What is left, at once: everything undecided but one.
    await visit("?decided=no");
    await decidedIs(5 + unlabel);
    await page.getByRole("grid", { name: "Sequences" }).focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("-");
    await page.getByRole("button", { name: /but 1…$/ }).click();
    await page.getByRole("dialog").getByLabel("Decision").selectOption("low_cloud");
    await page.getByRole("dialog").getByText("triage decide --where 'not decided' --except").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: /^Decide \d+$/ }).click();
    await decidedIs(299);

    // The log, the fold, the plan and the exports agree with what was pressed.
    const labels = triage(data, "export", join(root, "labels.csv"), "--format", "labels");
    expect(labels.summary).toMatchObject({ sequences: 299 });
    const csv = readFileSync(join(root, "labels.csv"), "utf8").trim().split("\n").slice(1);
    expect(csv.filter((line) => line.endsWith(",smoke"))).toHaveLength(3);
    const plan = triage(data, "plan");
    expect(plan.code).toBe(0);
    const { sequences, labels: sent, refused } = plan.summary as { sequences: number; labels: Record<string, number>; refused: Record<string, number> };
    expect(sent["wildfire"]).toBe(3);
    expect(sequences + Object.values(refused).reduce((sum, count) => sum + count, 0)).toBe(299);
    expect(triage(data, "decide", "--where", "not decided", "--dry-run").summary).toMatchObject({ count: 1 });
  });

  it("labels an audit blind, gets a certificate, and one new sequence expires it", async () => {
    const fresh = join(root, "audit");
    cpSync(join(root, "grown"), fresh, { recursive: true });
    const report = "08_reporting";
    cpSync(join(data, report), join(fresh, report), { recursive: true });
    const design = ["--max-miss", "1/10", "--looks", "1", "--hits", "0"];
    const plan = triage(fresh, "audit", "plan", ...design).summary as { looks: { n: number }[]; audit_id: string };
    const refused = triage(fresh, "plan", "--undecided-unlabel");
    expect([refused.code, refused.error]).toEqual([1, expect.stringContaining("no audit has certified this bucket")]);
    expect(triage(fresh, "audit", "report").code).toBe(13);

    await server.stop();
    server = await serve(fresh);
    await visit("?mode=audit");
    const told = page.locator("p[role=status]", { hasText: "labelled" });
    await told.waitFor();
    const total = Number(/of (\d+) labelled/.exec(await told.innerText())![1]);
    expect(total).toBeGreaterThan(plan.looks[0]!.n);
    const text = await page.locator("main").innerText();
    expect(text).not.toMatch(/To Review|Unlabel\b|0\.\d{3}/);
    for (let done = 0; done < total; done++) {
      await page.keyboard.press("m");
      await expect.poll(async () => Number(/^(\d+) of/.exec(await told.innerText())?.[1]), { timeout: 10_000, interval: 20 }).toBe(done + 1);
    }
    await page.getByText("Every sequence of this look is labelled").waitFor();

    const verdict = triage(fresh, "audit", "report");
    expect([verdict.code, verdict.summary?.["verdict"]]).toEqual([0, "CERTIFIED"]);
    const payload = triage(fresh, "plan", "--undecided-unlabel");
    expect(payload.summary).toMatchObject({ certificate: plan.audit_id, without_certificate: false });

    cpSync(join(root, "grown", report), join(fresh, report), { recursive: true });
    expect(triage(fresh, "audit", "report").code).toBe(11);
    expect(triage(fresh, "plan", "--undecided-unlabel").error).toContain("EXPIRED");
  }, 180_000);
});
