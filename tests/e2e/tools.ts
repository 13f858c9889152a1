/** What the browser tests stand on: data made once, servers and a browser that end with the tests. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PYTHON = process.env["TRIAGE_PYTHON"] ?? join(ROOT, ".venv/bin/python");
const CHROMIUM = process.env["TRIAGE_CHROMIUM"] ?? "/usr/bin/chromium";

/** Why the tests cannot run here; null = they can. */
export const cannotRun: string | null = !existsSync(CHROMIUM)
  ? `no Chromium at ${CHROMIUM}: apt-get install chromium, or set TRIAGE_CHROMIUM`
  : !existsSync(join(ROOT, "triage/server/page/index.html"))
    ? "the page is not built: cd viewer && npm run build"
    : null;

/** What make_data.py says about the directories it made. */
export interface Made {
  readonly real: boolean;
  readonly hostileNames: readonly string[];
  /** Sequence whose second frame is gone, and that frame's file name. */
  readonly broken: number;
  readonly brokenFile: string;
}

export interface Data extends Made {
  readonly root: string;
  readonly remove: () => void;
}

export function makeData(): Data {
  const root = mkdtempSync(join(tmpdir(), "triage-e2e-"));
  const answer = execFileSync(PYTHON, ["-m", "tests.e2e.make_data", root], { cwd: ROOT, encoding: "utf8" });
  return { ...(JSON.parse(answer) as Made), root, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** Data for the tests of decisions: 300 sequences, written by make_data.py. */
export function makeReviewData(): { root: string; remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), "triage-review-"));
  execFileSync(PYTHON, ["-m", "tests.e2e.make_data", "--review", root], { cwd: ROOT });
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** A command over a data directory: its exit code and its --json summary (null when it printed none). */
export function triage(data: string, ...words: string[]): { code: number; summary: Record<string, unknown> | null; error: string } {
  const options = { cwd: ROOT, encoding: "utf8", env: { ...process.env, TRIAGE_REVIEWER: "ana" } } as const;
  const done = spawnSync(PYTHON, ["-m", "triage", ...words, "--data", data, "--json"], options);
  const summary = done.stdout.trim() === "" ? null : (JSON.parse(done.stdout) as Record<string, unknown>);
  return { code: done.status ?? -1, summary, error: done.stderr };
}

/** A command line as it stands, `triage` being the one under test: its exit code. */
export function run(command: string): number {
  const asTyped = command.replace(/^triage /, '"$PYTHON" -m triage ');
  return spawnSync("bash", ["-c", asTyped], { cwd: ROOT, env: { ...process.env, PYTHON } }).status ?? -1;
}

export interface Server {
  readonly url: string;
  readonly stop: () => Promise<void>;
  /** kill -9 */
  readonly crash: () => Promise<void>;
}

/** `triage view` on a free port; resolves once it says where it is. */
export async function serve(data: string): Promise<Server> {
  const child = spawn(PYTHON, ["-m", "triage", "view", "--data", data, "--port", "0", "--no-browser"], {
    cwd: ROOT,
    env: { ...process.env, TRIAGE_REVIEWER: "ana" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let said = "";
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      const found = /http:\/\/[^\s]+/.exec(said);
      if (found) resolve(found[0]);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.on("exit", (code) => reject(new Error(`triage view ended with ${code}: ${said}`)));
  });
  return { url, stop: () => ended(child, "SIGINT"), crash: () => ended(child, "SIGKILL") };
}

/** `triage view --export`, and a web server that knows nothing but files. */
export async function serveExport(data: string, out: string): Promise<Server> {
  execFileSync(PYTHON, ["-m", "triage", "view", "--data", data, "--export", out, "--quiet"], { cwd: ROOT });
  const types: Record<string, string> = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml", jpg: "image/jpeg" };
  const server = createServer((request, response) => {
    const path = new URL(request.url!, "http://localhost").pathname;
    const file = join(out, path.endsWith("/") ? `${path}index.html` : path);
    if (!existsSync(file)) return response.writeHead(404).end();
    return response.writeHead(200, { "Content-Type": types[file.split(".").pop()!] ?? "application/octet-stream" }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => void (await new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, stop, crash: stop };
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.on("exit", () => resolve());
    child.kill(signal);
    setTimeout(() => child.kill("SIGKILL"), 5000).unref();
  });
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
