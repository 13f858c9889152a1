/**
 * A scripted reviewer at zero thinking time sweeps an Unlabel bucket: `node tests/e2e/sweep_pace.mjs URL TILES PICTURES MOST`, run by
 * tests/benchmarks/bench_sweep.py. PICTURES: "given" = every picture is there at once; "served" = the server draws them. MOST: stop after
 * so many sequences. Prints one JSON object: sequences, keys, seconds, and the milliseconds of every page (key until the next page is
 * drawn and the decision is on disk).
 */
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../viewer/package.json", import.meta.url))("playwright-core");
const [url, tiles, pictures, most] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.TRIAGE_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const page = await browser.newPage({ viewport: { width: 1920, height: 1400 } });
await page.addInitScript((size) => localStorage.setItem("triage-sweep-size", size), tiles);
if (pictures === "given") {
  // In the page itself: answering requests from outside would cost more than the tool.
  await page.addInitScript(() => {
    const PIXELS = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGP4/x8AAwAB//wl3FEAAAAASUVORK5CYII=";
    const given = (value) => (String(value).includes("/strip?") ? PIXELS : value);
    const { setAttribute } = Element.prototype;
    Element.prototype.setAttribute = function (name, value) {
      return setAttribute.call(this, name, name === "src" ? given(value) : value);
    };
    const { get, set } = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
    Object.defineProperty(HTMLImageElement.prototype, "src", { get, set(value) { set.call(this, given(value)); } });
  });
}
await page.goto(`${url}?mode=sweep&bucket=unlabeled`);

/** Resolves once every tile of the page is drawn: how many Space would accept, 0 when nothing is left. */
const ready = () =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        const look = () => {
          const button = [...document.querySelectorAll("button")].find((each) => each.textContent.startsWith("Accept "));
          const told = document.querySelector("[data-sweep]");
          if (told !== null && !told.textContent.includes("not drawn yet") && (button.disabled === false || told.textContent === "nothing left")) {
            resolve(button.disabled ? 0 : Number(/[\d,]+/.exec(button.textContent)[0].replace(",", "")));
          } else setTimeout(look, 1);
        };
        look();
      }),
  );

let acknowledged = 0;
page.on("response", async (response) => {
  if (response.url().endsWith("/decide") && response.ok()) acknowledged += (await response.json()).count;
});
let shown = await ready();
const start = performance.now();
const pages = [];
let keys = 0;
let sequences = 0;
while (shown > 0 && sequences < Number(most)) {
  const began = performance.now();
  await page.keyboard.press("Space");
  keys++;
  sequences += shown;
  while (acknowledged < sequences) await new Promise((resolve) => setTimeout(resolve, 1));
  shown = await ready();
  pages.push(performance.now() - began);
}
console.log(JSON.stringify({ sequences, keys, seconds: (performance.now() - start) / 1000, pages, left: shown > 0 }));
await browser.close();
