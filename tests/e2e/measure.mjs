/**
 * Measures the page in headless Chromium: `node tests/e2e/measure.mjs URL RUNS ACTIONS`, run by tests/benchmarks/bench_viewer.py.
 * Prints one JSON object of samples in milliseconds (heap, resident: bytes). Times are taken inside the page, from the input event on.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { getPriority, setPriority } from "node:os";

const { chromium } = createRequire(new URL("../../viewer/package.json", import.meta.url))("playwright-core");
const [url, runsText, actionsText] = process.argv.slice(2);
const runs = Number(runsText);
const actions = Number(actionsText);
const ROW = "[role=grid] [role=row][aria-selected]";

const browser = await chromium.launch({
  executablePath: process.env.TRIAGE_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-precise-memory-info",
  ],
});
const devices = await browser.newBrowserCDPSession();
const processes = async () => (await devices.send("SystemInfo.getProcessInfo")).processInfo;
/** Chromium gives its threads ordinary priorities; where this runs at a raised one, so shall what it measures, or it measures the others. */
async function keepPriority() {
  if (getPriority() >= 0) return;
  for (const { id } of await processes()) {
    try {
      for (const thread of readdirSync(`/proc/${id}/task`)) setPriority(Number(thread), getPriority());
    } catch {
      // It has ended meanwhile.
    }
  }
}
// The measuring code is evaluated in the page, which the server's policy rightly forbids.
const size = { viewport: { width: 1280, height: 800 }, bypassCSP: true };
const samples = { navigation: [], sliderWall: [], sliderCpu: [], sortCold: [], sortWarm: [], filter: [], openCold: [], openNext: [], heap: [], resident: [] };

for (let run = 0; run < runs; run++) {
  const context = await browser.newContext(size); // a new context: nothing is cached
  const page = await context.newPage();
  await page.waitForTimeout(700); // the window itself is open: Chromium loads a dozen of its own pages for each
  await keepPriority();
  await page.addInitScript((row) => {
    const look = () => {
      if (document.querySelector(row) === null) requestAnimationFrame(look);
      else globalThis.usableAt ??= performance.now();
    };
    requestAnimationFrame(look);
  }, ROW);
  await page.goto(url, { waitUntil: "commit" });
  await keepPriority(); // perhaps in a process of its own
  await page.waitForFunction("globalThis.usableAt !== undefined", undefined, { polling: 50 });
  samples.navigation.push(await page.evaluate("globalThis.usableAt"));
  await context.close();
}

const context = await browser.newContext(size);
const page = await context.newPage();
await page.goto(url);
await page.waitForSelector(ROW);
await keepPriority();
const devtools = await context.newCDPSession(page);
await devtools.send("Performance.enable");
const metrics = async () => Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));

/** Milliseconds from `act` (run in the page) until `selector`'s text or attributes changed and the change was drawn. */
const untilChanged = (act, selector) =>
  page.evaluate(
    ([source, watched]) =>
      new Promise((resolve, reject) => {
        const target = document.querySelector(watched);
        const observer = new MutationObserver(() => {
          observer.disconnect();
          clearTimeout(late);
          requestAnimationFrame(() => {
            const channel = new MessageChannel(); // a task after the frame was produced
            channel.port1.onmessage = () => resolve(performance.now() - start);
            channel.port2.postMessage(null);
          });
        });
        observer.observe(target, { subtree: true, childList: true, characterData: true, attributes: true });
        const late = setTimeout(() => reject(new Error(`nothing changed in ${watched} after: ${source}`)), 20_000);
        const start = performance.now();
        new Function(source)();
      }),
    [act, selector],
  );
const settle = () => page.evaluate(() => new Promise((resolve) => requestIdleCallback(() => resolve(), { timeout: 2000 })));

// The slider: all main-thread work that one event causes, cards, histogram, deferred table, layout and paint together. The bucket filter makes it
// the worst case: the rows themselves change with every event.
await page.goto(`${url}?bucket=review`);
await page.waitForSelector(ROW);
for (let run = 0; run < Math.max(40, 2 * runs); run++) {
  await settle();
  const before = await metrics();
  await page.evaluate((value) => {
    const slider = document.querySelector("input[aria-label=Threshold]");
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(slider, String(value));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 30))));
  }, 0.2 + (0.6 * ((run * 37) % 40)) / 40);
  const after = await metrics();
  samples.sliderWall.push(1000 * (after.TaskDuration - before.TaskDuration));
  samples.sliderCpu.push(1000 * (after.ThreadTime - before.ThreadTime));
}

// Sorts: each column both ways, first sorted anew, then from the kept order.
await page.goto(url);
await page.waitForSelector(ROW);
const columns = await page.locator("[role=columnheader]").count();
const headers = "document.querySelectorAll('[role=columnheader] button')";
for (const name of ["sortCold", "sortWarm"]) {
  for (let column = 0; column < columns; column++) {
    for (let way = 0; way < 2; way++) {
      await settle();
      samples[name].push(await untilChanged(`${headers}[${column}].click()`, "[role=grid]"));
    }
  }
}
// Filters: organizations and buckets on and off, and words.
for (let run = 0; run < runs; run++) {
  await settle();
  const button = run % 2 ? `document.querySelectorAll('[aria-label=Buckets] button')[${run % 3}]` : `document.querySelectorAll('section li button')[${run % 5}]`;
  samples.filter.push(await untilChanged(`${button}.click()`, "[role=grid]"));
  await settle();
  const word = `const field = document.querySelector('input[type=search]');
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, '${run % 2 ? "" : `mont 0${run % 7}`}');
    field.dispatchEvent(new Event('input', { bubbles: true }));`;
  samples.filter.push(await untilChanged(word, "[role=status]").catch(() => null));
  if (run % 4 === 3) {
    await page.goto(url);
    await page.waitForSelector(ROW);
  }
}
samples.filter = samples.filter.filter((value) => value !== null);

// Opening: the best scored sequences have frames. Every fifth row is one that was not preloaded.
await page.goto(url);
await page.waitForSelector(ROW);
const untilDrawn = (act, drawnBefore) =>
  page.evaluate(
    ([source, before]) =>
      new Promise((resolve, reject) => {
        const start = performance.now();
        const look = () => {
          const canvas = document.querySelector("canvas[data-drawn]");
          if (canvas !== null && canvas !== globalThis.lastCanvas) {
            globalThis.lastCanvas = canvas;
            resolve(performance.now() - start);
          } else if (performance.now() - start > 20_000) reject(new Error("no frame was drawn"));
          else requestAnimationFrame(look);
        };
        new Function(source)();
        look(before);
      }),
    [act, drawnBefore],
  );
for (let run = 0; run < runs; run++) {
  await settle();
  await page.waitForTimeout(150);
  const click = `document.querySelector('[role=grid] [role=row][aria-rowindex="${2 + ((run * 5) % 15)}"]').click()`;
  if (run % 3 === 0 && run > 0) {
    await page.evaluate(() => document.querySelector("[role=grid]").scrollBy(0, 15 * 34));
    await page.waitForTimeout(150);
  }
  const first = await page.locator(ROW).first().getAttribute("aria-rowindex");
  const target = Number(first) + 3 + ((run * 5) % 15);
  samples.openCold.push(await untilDrawn(click.replace(/aria-rowindex="\d+"/, `aria-rowindex="${target}"`)));
  await page.keyboard.press("Escape");
}
await page.evaluate(() => document.querySelector("[role=grid]").scrollTo(0, 0));
await page.locator(ROW).first().click();
await page.waitForSelector("canvas[data-drawn]");
for (let run = 0; run < runs; run++) {
  await page.waitForTimeout(700); // a reviewer looks at least this long; the next ones are preloaded meanwhile
  await page.evaluate(() => (globalThis.lastCanvas = document.querySelector("canvas[data-drawn]")));
  samples.openNext.push(await untilDrawn(`window.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }))`));
}
await page.keyboard.press("Escape");

// Ten minutes at one action a second, in fast motion: open, walk, play, slide, sort, grid, scroll.
for (let action = 0; action < actions; action++) {
  const kind = action % 12;
  if (kind < 6) await page.keyboard.press("j");
  else if (kind === 6) await page.keyboard.press("Enter");
  else if (kind === 7) await page.keyboard.press("g");
  else if (kind === 8) await page.mouse.move(800, 500).then(() => page.mouse.wheel(0, 700));
  else if (kind === 9) await page.keyboard.press("g");
  else if (kind === 10) await page.locator("input[aria-label=Threshold]").fill(String(0.2 + (action % 50) / 100));
  else await page.keyboard.press("Escape");
  await page.waitForTimeout(kind === 6 || kind < 2 ? 120 : 30);
}
await devtools.send("HeapProfiler.collectGarbage");
samples.heap.push((await metrics()).JSHeapUsedSize);
// The columns lie outside the JS heap, in buffers: the whole process says what the page really takes. It is the largest of the renderers.
const residents = (await processes()).filter(({ type }) => type === "renderer").map(({ id }) => /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8")));
samples.resident.push(Math.max(...residents.map((found) => 1024 * Number(found[1]))));
await browser.close();
process.stdout.write(JSON.stringify(samples));
