/** Decisions in a real Chromium over a real `triage view`: a backlog is cleared, a crash in the middle, an audit, a certificate. */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cannotRun, launch, makeReviewData, run, serve, triage, type Server } from "./tools";

/** Two white pixels beside each other: a strip of two crops. */
const PIXELS = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGP4/x8AAwAB//wl3FEAAAAASUVORK5CYII=", "base64");

interface Events {
  readonly events: readonly { kind: string; decision: string | null; count: number; undone: boolean }[];
}

interface Planned {
  readonly audit_id: string;
  readonly variant: string;
  readonly strata: readonly { sample: readonly string[] }[];
  readonly planted: readonly string[];
  readonly decoys: readonly string[];
}

interface Judged {
  readonly verdict: string;
  readonly neighbours_to_open: readonly string[];
  readonly rescued: number;
  readonly still_lost: number;
}

interface Sent {
  readonly directory: string;
  readonly labels: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly without_certificate: boolean;
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

    // Shift adds a type to what was decided, and stays.
    await page.keyboard.press("Shift+E");
    await page.getByText("1 sequence decided as tree").waitFor();
    await page.keyboard.press("Shift+A");
    await page.getByText("1 sequence decided as tree+antenna").waitFor();
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    await decidedIs(5);

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

  it("gives a second look blind, shares a view by camera, and shows the command that does the same", async () => {
    const other = (...words: string[]) => triage(data, "decide", "--reviewer", "bob", ...words);
    const chosen = "bucket = unlabeled and score < 0.02";
    const { count } = other("--where", chosen, "--as", "rain", "--settle").summary as { count: number };
    triage(data, "decide", "--where", chosen, "--as", "none");
    await visit("?sort=score");
    await page.getByRole("button", { name: `For a second look ${count}` }).click();
    const table = page.getByRole("grid", { name: "Sequences" });
    await table.getByText("hidden").first().waitFor();
    expect(await table.innerText()).not.toContain("rain");
    await page.getByText("what others said is hidden until you have decided").waitFor();
    await page.getByRole("button", { name: "History" }).click();
    await page.getByRole("dialog").getByText("bob").first().waitFor();
    expect(await page.getByRole("dialog").innerText()).not.toMatch(/bob.*rain/);
    await page.keyboard.press("Escape");
    await table.focus();
    await page.keyboard.press("Home");
    // The first one agrees, the second does not.
    if ((await page.getByRole("button", { name: "Decision keys" }).getAttribute("aria-pressed")) !== "true") {
      await page.getByRole("button", { name: "Decision keys" }).click();
      await table.focus();
    }
    await page.keyboard.press("r");
    await page.getByText("1 sequence decided as rain; bob said the same").waitFor();
    await page.keyboard.press("1");
    await page.getByText("1 sequence decided as smoke:wildfire; bob said otherwise").waitFor();
    await page.getByRole("button", { name: `For a second look ${count - 2}` }).waitFor();
    expect(triage(data, "decide", "--progress").summary).toMatchObject({ second_looks: 2, agreed: 1, disagreements: 1 });

    // What is seen now under a name, without a column, half of its cameras for bob.
    await page.getByRole("button", { name: "Hide columns" }).click();
    await page.getByRole("group", { name: "Hide columns" }).getByLabel("Azimuth").check();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Views" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name of the view").fill("look again");
    await dialog.getByRole("button", { name: "Save this view" }).click();
    await dialog.getByText("look again").waitFor();
    await dialog.getByLabel("Reviewer").fill("bob");
    await dialog.getByLabel("Part", { exact: true }).fill("1/2");
    await dialog.getByLabel("Parts by").selectOption("camera");
    await dialog.getByRole("button", { name: "Give it to them" }).click();
    const half = dialog.getByRole("button", { name: "bob 1/2 by camera" });
    await half.waitFor();
    const listed = (triage(data, "views", "list").summary as { views: { view: string; by: string; where: string; count: number }[] }).views;
    expect(listed).toMatchObject([{ view: "look again", by: "camera", where: "(second_look) and camera_part = 1/2" }]);
    await visit();
    await page.getByRole("button", { name: "Views" }).click();
    await half.click();
    await page.getByRole("button", { name: new RegExp(`^Decide all ${listed[0]!.count}…`) }).waitFor();
    expect(await table.getByRole("columnheader", { name: "Azimuth" }).count()).toBe(0);

    // The command that the page shows, run as it stands, decides what the page would have decided.
    await page.getByRole("button", { name: /^Decide all / }).click();
    await dialog.getByLabel("Decision").selectOption("dust");
    await dialog.getByLabel("Tags").fill("half");
    const command = dialog.locator("code", { hasText: "--as dust --tag half" });
    await command.waitFor();
    expect(run(await command.innerText())).toBe(0);
    const decided = triage(data, "decide", "--where", "tag = half and mine", "--dry-run").summary;
    expect(decided).toMatchObject({ count: listed[0]!.count });
  });

  it("plans an audit, labels it blind, rescues beside the hit, earns a certificate and a payload, and one new sequence expires it", async () => {
    const fresh = join(root, "audit");
    triage(fresh, "decide", "--where", "bucket = review", "--as", "smoke:wildfire");
    const design = ["--max-miss", "1/10", "--looks", "1", "--hits", "2"];
    const plan = triage(fresh, "audit", "plan", ...design).summary as unknown as Planned;
    const sample = plan.strata[0]!.sample;
    expect(plan.planted).toHaveLength(60);
    const refused = triage(fresh, "plan", "--undecided-unlabel");
    expect([refused.code, refused.error]).toEqual([1, expect.stringContaining("no audit has certified this bucket")]);
    expect(triage(fresh, "audit", "report").code).toBe(13);

    await server.stop();
    server = await serve(fresh);
    // The table first, with every score in the page; then the audit.
    await visit();
    await page.getByRole("grid", { name: "Sequences" }).waitFor();
    await page.getByRole("button", { name: "Audit", exact: true }).click();
    await page.getByRole("button", { name: "Begin, blind" }).click();
    const told = page.locator("p[role=status]", { hasText: "labelled" });
    await told.waitFor();
    const total = Number(/of (\d+) labelled/.exec(await told.innerText())![1]);
    expect(total).toBe(sample.length + plan.planted.length + plan.decoys.length);
    expect(await page.locator("main").innerText()).not.toMatch(/To Review|Unlabel\b|0\.\d{3}/);

    // Neither by name nor in the table does the page tell more.
    const numberOf = (key: string) => key.replace("pyro-annotator_", "");
    for (const key of [sample[0]!, plan.planted[0]!, plan.decoys[0]!]) {
      const detail = (await page.evaluate(
        async ([variant, name]) => (await fetch(`./api/reports/${variant}/sequences/${name}`)).json() as Promise<unknown>,
        [plan.variant, key] as const,
      )) as { row: Record<string, unknown>; tubes: unknown[]; same_camera: unknown[] };
      expect(detail.row).toMatchObject({ triage_score: null, score: null, probability: null, triage_bucket: "hold", hold_reason: "audit", label: "unknown" });
      expect([detail.tubes, detail.same_camera]).toEqual([[], []]);
      await visit(`?q=${numberOf(key)}`);
      const cells = page.getByRole("grid", { name: "Sequences" }).getByRole("row").filter({ hasText: numberOf(key) });
      await cells.first().waitFor();
      expect(await cells.first().innerText()).not.toMatch(/To Review|Unlabel\b|0\.\d{2}|wildfire/i);
    }

    // A reviewer who knows the truth: what is mixed in is smoke, and so is one of the drawn ones.
    let seen = "";
    const hit = sample[0]!;
    page.on("request", (request) => {
      seen = /\/sequences\/(pyro-annotator_\d+)$/.exec(request.url())?.[1] ?? seen;
    });
    await visit("?mode=audit");
    await told.waitFor();
    const smokes = new Set([...plan.planted, ...plan.decoys, hit]);
    for (let done = 0, before = ""; done < total; done++) {
      await expect.poll(() => seen, { timeout: 10_000, interval: 10 }).not.toBe(before);
      before = seen;
      await page.keyboard.press(smokes.has(seen) ? "1" : "m");
      if (done + 1 < total) await expect.poll(async () => Number(/^(\d+) of/.exec(await told.innerText())?.[1]), { timeout: 10_000, interval: 20 }).toBe(done + 1);
    }

    // What the hit's camera saw in that direction on that day is back in Review: no payload discards it before somebody looked.
    await page.getByRole("heading", { name: "Rescue" }).waitFor();
    const early = triage(fresh, "audit", "report");
    const { verdict, neighbours_to_open: beside, still_lost } = early.summary as unknown as Judged;
    expect([early.code, verdict]).toEqual([0, "CERTIFIED"]);
    expect(beside.length).toBeGreaterThan(1);
    expect((triage(fresh, "plan", "--undecided-unlabel").summary as unknown as Sent).refused["beside_smoke"]).toBe(beside.length);
    const opened = page.locator("p[role=status]", { hasText: "opened" });
    for (let done = 0; done < beside.length; done++) {
      await opened.filter({ hasText: `${done} of ${beside.length} opened` }).waitFor();
      await page.keyboard.press(done === 0 ? "1" : "m");
    }
    await opened.filter({ hasText: `1 smoke rescued beside the hits, of ${beside.length} sequences opened` }).waitFor();

    await page.getByRole("button", { name: "Report", exact: true }).click();
    const verdictIs = await page.getByRole("region", { name: "Verdict" }).innerText();
    expect(verdictIs).toMatch(/^CERTIFIED: at most \d+ smokes in the bucket, and 22 were allowed/);
    expect(verdictIs).toContain("1 more was found beside the sample and moved back");
    expect(verdictIs).toContain("Of 60 known smokes hidden among them the reviewer recognised 60");
    expect(verdictIs).not.toContain("not given in a blind session");
    const judged = triage(fresh, "audit", "report").summary as unknown as Judged;
    expect([judged.neighbours_to_open, judged.rescued, judged.still_lost]).toEqual([[], 1, still_lost - 1]);

    const payload = triage(fresh, "plan", "--undecided-unlabel");
    expect(payload.summary).toMatchObject({ certificate: plan.audit_id, without_certificate: false });
    expect((payload.summary as unknown as Sent).refused["beside_smoke"]).toBeUndefined();
    // The smokes of To Review, the hit and the rescued one.
    expect((payload.summary as unknown as Sent).labels["wildfire"]).toBe(66);

    cpSync(join(root, "grown", "08_reporting"), join(fresh, "08_reporting"), { recursive: true });
    const expired = triage(fresh, "audit", "report");
    expect([expired.code, (expired.summary as unknown as Judged).verdict]).toEqual([11, "EXPIRED"]);
    expect(triage(fresh, "plan", "--undecided-unlabel").error).toMatch(/EXPIRED: .*227 -> 228 sequences.*the difference needs \d+ more label/);
    await visit("?mode=audit");
    await page.getByRole("button", { name: "Report", exact: true }).click();
    expect(await page.getByRole("region", { name: "Verdict" }).innerText()).toMatch(/^EXPIRED/);
    const insisted = triage(fresh, "plan", "--undecided-unlabel", "--without-certificate").summary as unknown as Sent;
    expect(insisted.without_certificate).toBe(true);
    expect(readFileSync(join(insisted.directory, "summary.md"), "utf8")).toMatch(/without a certificate/i);
  }, 240_000);
});
