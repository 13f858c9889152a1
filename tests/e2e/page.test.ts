/** The page in a real Chromium over a real `triage view`: what a reviewer does, and what can go wrong. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cannotRun, launch, makeData, serve, serveExport, type Data, type Server } from "./tools";

if (cannotRun !== null) console.warn(`Browser tests are skipped: ${cannotRun}`);

describe.skipIf(cannotRun !== null)("the page in Chromium", () => {
  let data: Data;
  let servers: Record<"main" | "hostile" | "empty" | "exported", Server>;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** What the browser complained about: policy violations, exceptions, requests to anywhere else. */
  let complaints: string[];

  beforeAll(async () => {
    data = makeData();
    const [main, hostile, empty] = await Promise.all(["main", "hostile", "empty"].map((name) => serve(`${data.root}/${name}`)));
    servers = { main: main!, hostile: hostile!, empty: empty!, exported: await serveExport(`${data.root}/main`, `${data.root}/exported`) };
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all(Object.values(servers ?? {}).map((server) => server.stop()));
    data?.remove();
  });
  beforeEach(async () => {
    complaints = [];
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text());
    });
    page.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (protocol.startsWith("http") && hostname !== "127.0.0.1") complaints.push(`asked ${request.url()}`);
    });
  });
  afterEach(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });

  const visit = async (name: keyof typeof servers, address = "") => {
    await page.goto(servers[name].url.replace(/\/$/, "") + "/" + address);
  };
  const grid = () => page.getByRole("grid", { name: "Sequences" });
  const rows = () => grid().locator("[role=row][aria-selected]");
  const firstKey = () => rows().first().locator("[role=gridcell] span").first().getAttribute("title");
  const card = (name: string) => page.getByRole("button", { name: new RegExp(`^${name}: `) });
  const countOn = async (name: string) => Number(/: ([\d,]+) /.exec((await card(name).getAttribute("aria-label"))!)![1]!.replaceAll(",", ""));
  const shown = () => page.locator("[role=status]", { hasText: "shown" }).innerText();

  it("opens the report that the server has", async () => {
    await visit("main");
    await grid().waitFor();
    const [report] = (await (await fetch(`${servers.main.url}api/reports`)).json()) as [{ counts: Record<string, number>; num_rows: number }];
    expect([await countOn("To Review"), await countOn("Unlabel"), await countOn("Hold")]).toEqual([
      report.counts["review"],
      report.counts["unlabeled"],
      report.counts["hold"],
    ]);
    expect(await shown()).toBe(`${report.num_rows} / ${report.num_rows} shown`);
    expect(Number(await grid().getAttribute("aria-rowcount"))).toBe(report.num_rows + 1);
  });

  it("filters by bucket, organization and text", async () => {
    await visit("main");
    const review = await countOn("To Review");
    await card("To Review").click();
    await expect.poll(shown).toMatch(new RegExp(`^${review} / `));
    const organization = page.getByRole("region", { name: "Organizations" }).getByRole("button").first();
    const name = /^(.*): \d/.exec((await organization.getAttribute("aria-label"))!)![1]!;
    await organization.click();
    await page.getByRole("button", { name: `Remove filter ${name}` }).waitFor();
    const key = await firstKey();
    await page.keyboard.press("/");
    await page.keyboard.type(key!.slice(-5));
    await expect.poll(firstKey).toBe(key);
    await page.getByRole("button", { name: "Clear all" }).click();
    await expect.poll(() => page.getByRole("button", { name: /Remove filter/ }).count()).toBe(0);
  });

  it("slides: the cards, the rows and the address follow", async () => {
    await visit("main", "?bucket=review");
    await grid().waitFor();
    const before = await countOn("To Review");
    await page.getByRole("slider", { name: "Threshold" }).focus();
    await page.keyboard.press("Home");
    await expect.poll(() => countOn("Unlabel")).toBe(0);
    const all = await countOn("To Review");
    expect(all).toBeGreaterThan(before);
    await expect.poll(shown).toMatch(new RegExp(`^${all} / `));
    await expect.poll(() => new URL(page.url()).searchParams.get("t")).toBe("0");
    await page.getByRole("button", { name: /Reset to/ }).click();
    await expect.poll(() => countOn("To Review")).toBe(before);
  });

  it("opens a sequence with the keyboard, plays it, and goes on to the next", async () => {
    await visit("main");
    await grid().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    const canvas = page.locator("canvas[data-drawn]");
    await expect.poll(() => canvas.getAttribute("data-drawn")).toMatch(/^Frame [2-9] of/);
    await page.keyboard.press(" ");
    await page.getByRole("button", { name: "Play" }).waitFor();
    const still = await canvas.getAttribute("data-drawn");
    await page.waitForTimeout(700);
    expect(await canvas.getAttribute("data-drawn")).toBe(still);
    expect(await page.getByRole("region", { name: /^Tube / }).count()).toBeGreaterThan(0);
    await page.keyboard.press("j");
    await page.getByRole("region", { name: /^Sequence / }).getByText(/^2 \/ \d+$/).waitFor();
    await page.keyboard.press("Escape");
    expect(await page.getByRole("region", { name: /^Sequence / }).count()).toBe(0);
    expect(await rows().locator("xpath=self::*[@aria-selected='true']").getAttribute("aria-rowindex")).toBe("3");
  });

  it("shows the first frame where it will stay, whether or not the details are there", async () => {
    await visit("main");
    await grid().waitFor();
    let answer = () => {};
    const late = new Promise<void>((resolve) => (answer = resolve));
    await page.route(/\/sequences\/[^/]+$/, async (route) => {
      await late;
      await route.continue();
    });
    await rows().first().click();
    const canvas = page.locator("canvas[data-drawn]");
    await canvas.waitFor();
    expect(await canvas.getAttribute("data-drawn")).toBe("Frame 1");
    const place = await canvas.boundingBox();
    answer();
    await page.getByRole("region", { name: /^Tube / }).first().waitFor();
    expect(await canvas.boundingBox()).toEqual(place);
  });

  it("loops crops in the grid, and never a square that is not there", async () => {
    await visit("main");
    await grid().waitFor();
    await page.keyboard.press("g");
    const strip = page.locator("[data-crops]:not([data-crops='0'])").first();
    await strip.waitFor();
    expect(Number(await strip.getAttribute("data-crops"))).toBeGreaterThan(1);
    const place = () => strip.locator("img").evaluate((image) => (image as HTMLImageElement).style.transform);
    const first = await place();
    await expect.poll(place).not.toBe(first);
    const height = await strip.evaluate((element) => element.getBoundingClientRect().height);
    expect(height).toBeGreaterThan(90);
  });

  it("comes back to the same state from its address, and goes Back", async () => {
    await visit("main", "?sort=camera&t=0.2&bucket=review");
    await grid().waitFor();
    const before = await firstKey();
    await rows().first().click();
    await page.locator("canvas[data-drawn]").waitFor();
    const address = page.url();
    await page.reload();
    await page.locator("canvas[data-drawn]").waitFor();
    expect(page.url()).toBe(address);
    await page.goBack();
    await grid().waitFor();
    expect(await firstKey()).toBe(before);
    expect(await page.getByRole("columnheader", { name: /Camera/ }).getAttribute("aria-sort")).toBe("ascending");
    expect(await page.locator("output").innerText()).toBe("0.20");
  });

  it("says so when the network breaks, and goes on when it is back", async () => {
    await visit("main");
    await rows().first().waitFor();
    await context.setOffline(true);
    await rows().first().click();
    const alert = page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.innerText()).toContain("The server does not answer.");
    await context.setOffline(false);
    await alert.getByRole("button", { name: "Try again" }).click();
    await page.locator("canvas[data-drawn]").waitFor();
  });

  it("says what a missing frame lacks, and plays round it", async () => {
    await visit("main", `?open=pyro-annotator_${data.broken}`);
    const canvas = page.locator("canvas[data-drawn]");
    await canvas.waitFor();
    const seen = new Set<string>();
    await expect.poll(async () => seen.add((await canvas.getAttribute("data-drawn"))!).size, { timeout: 8000 }).toBeGreaterThan(1);
    expect([...seen].some((drawn) => drawn.startsWith("Frame 2 "))).toBe(false);
    await page.keyboard.press(" ");
    await page.getByRole("slider", { name: "Frame" }).focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    await page.getByText(/^Frame 2 of \d+ cannot be shown/).waitFor();
    expect(await page.getByRole("region", { name: /^Sequence / }).locator("figcaption").innerText()).toContain(data.brokenFile);
  });

  it("shows a report without rows as such", async () => {
    await visit("empty");
    await page.getByText("This report has no sequences").waitFor();
    await page.keyboard.press("g");
    await page.getByRole("list", { name: "Sequences" }).getByText("This report has no sequences").waitFor();
  });

  it("shows hostile names as the text they are", async () => {
    await visit("hostile");
    await grid().waitFor();
    for (const name of data.hostileNames) {
      await grid().getByText(name, { exact: true }).first().waitFor();
    }
    const widest = await rows().evaluateAll((all) => Math.max(...all.map((row) => row.getBoundingClientRect().width)));
    expect(widest).toBeLessThan(1280);
    await rows().first().click();
    await page.locator("canvas[data-drawn]").waitFor();
    await page.goto(`${servers.hostile.url}?org=${encodeURIComponent(data.hostileNames[0]!)}&open=${encodeURIComponent(data.hostileNames[1]!)}`);
    await page.getByText("This report has no such sequence").waitFor();
    expect(await page.evaluate("window.hacked")).toBeUndefined();
  });

  it("shows an export from any web server, without decisions", async () => {
    await visit("exported");
    await grid().waitFor();
    const [report] = (await (await fetch(`${servers.main.url}api/reports`)).json()) as [{ num_rows: number }];
    expect(await shown()).toBe(`${report.num_rows} / ${report.num_rows} shown`);
    expect(await page.getByRole("group", { name: "Mode" }).getByRole("button").allInnerTexts()).toEqual(["Table", "Grid"]);
    expect(await page.getByRole("region", { name: "Decisions" }).count()).toBe(0);
    await page.keyboard.press("g");
    await page.locator("[data-crops]:not([data-crops='0'])").first().waitFor();
    await visit("exported", `?open=pyro-annotator_${data.broken}`);
    const crop = page.getByRole("button", { name: "Crop of frame 1" }).locator("img").first();
    await expect.poll(() => crop.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(224);
    await page.locator("canvas[data-drawn]").waitFor();
    await page.getByRole("button", { name: "Model" }).click();
    await page.getByText("Run’s threshold").waitFor();
  });

  it("fits a phone: nothing wider than the screen", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await visit("main");
    await grid().waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    await rows().first().click();
    await page.locator("canvas[data-drawn]").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    const last = page.getByRole("region", { name: /^Sequence / }).getByRole("heading").last();
    await last.scrollIntoViewIfNeeded();
    await page.mouse.move(200, 400);
    await page.mouse.wheel(0, 5000);
    const foot = page.getByRole("region", { name: "Decisions" });
    const bottom = () => page.getByRole("region", { name: /^Sequence / }).evaluate((pane) => pane.getBoundingClientRect().bottom);
    await expect.poll(bottom).toBeLessThanOrEqual((await foot.boundingBox())!.y + 1);
  });
});
