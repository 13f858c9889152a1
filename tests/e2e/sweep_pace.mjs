/**
 * A scripted reviewer at zero thinking time sweeps a whole Unlabel bucket: `node tests/e2e/sweep_pace.mjs URL TILES`, run by
 * tests/benchmarks/bench_sweep.py. Prints one JSON object: sequences, keys, seconds, and the milliseconds of every page.
 */
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../viewer/package.json", import.meta.url))("playwright-core");
const [url, tiles] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.TRIAGE_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const page = await browser.newPage({ viewport: { width: 1920, height: 1400 } });
await page.addInitScript((size) => localStorage.setItem("triage-sweep-size", size), tiles);
// What the tool itself costs: every picture is there at once, as after a preview was fetched.
const pixels = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGP4/x8AAwAB//wl3FEAAAAASUVORK5CYII=";
await page.route("**/strip?*", (route) => route.fulfill({ contentType: "image/png", body: Buffer.from(pixels, "base64") }));
await page.goto(`${url}?mode=sweep&bucket=unlabeled`);
const accept = page.getByRole("button", { name: /^Accept \d/ });
await page.getByRole("button", { name: /^Accept [1-9]/ }).waitFor();
let acknowledged = 0;
page.on("response", async (response) => {
  if (response.url().endsWith("/decide") && response.ok()) acknowledged += (await response.json()).count;
});
const start = performance.now();
const pages = [];
let keys = 0;
let sequences = 0;
for (;;) {
  // Accepted is what was drawn: wait for the page's pictures, or for the end.
  await page.waitForFunction(() => {
    const told = document.querySelector("main [role=status]:not(:empty)") && document.body.innerText;
    return !/not drawn yet/.test(told) || /nothing left/.test(told);
  });
  if (await accept.isDisabled()) break;
  const shown = Number(/Accept (\d+)/.exec(await accept.innerText())[1]);
  const began = performance.now();
  await page.keyboard.press("Space");
  keys++;
  sequences += shown;
  while (acknowledged < sequences) await new Promise((resolve) => setTimeout(resolve, 1));
  pages.push(performance.now() - began);
}
console.log(JSON.stringify({ sequences, keys, seconds: (performance.now() - start) / 1000, pages }));
await browser.close();
