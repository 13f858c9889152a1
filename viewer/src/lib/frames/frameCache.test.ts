import { describe, expect, it } from "vitest";
import { FrameCache, type FrameKey } from "./frameCache";

const frames = (key: string, count = 3): FrameKey => ({ key, version: "v", count });

/** A fetch that is answered by hand and remembers what was asked and cancelled. */
function slowFetch() {
  const asked: string[] = [];
  const cancelled: string[] = [];
  const answers: (() => void)[] = [];
  const cache = new FrameCache((key, version, index, signal) => {
    const name = version === null ? `${key}/${index} unversioned` : `${key}/${index}`;
    asked.push(name);
    return new Promise((resolve, reject) => {
      answers.push(() => resolve(new Blob([name])));
      signal.addEventListener("abort", () => {
        cancelled.push(name);
        reject(new DOMException("aborted", "AbortError"));
      });
    });
  });
  const answer = async () => {
    for (const each of answers.splice(0)) each();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { cache, asked, cancelled, answer };
}

describe("FrameCache", () => {
  it("fetches a frame once", async () => {
    const { cache, asked, answer } = slowFetch();
    const both = Promise.all([cache.frame(frames("a"), 0), cache.frame(frames("a"), 0)]);
    await answer();
    const [first, second] = await both;
    expect(second).toBe(first);
    expect(asked).toEqual(["a/0"]);
  });

  it("preloads in order, a few at once", async () => {
    const { cache, asked, answer } = slowFetch();
    const done = cache.preload(frames("a", 5), 2);
    expect(asked).toEqual(["a/0", "a/1"]);
    await answer();
    expect(asked).toEqual(["a/0", "a/1", "a/2", "a/3"]);
    await answer();
    await answer();
    await done;
    expect(asked).toHaveLength(5);
  });

  it("cancels what is no longer near, and keeps the rest", async () => {
    const { cache, asked, cancelled, answer } = slowFetch();
    const gone = cache.frame(frames("a"), 0).catch((error: unknown) => (error as Error).name);
    void cache.frame(frames("b"), 0);
    cache.keepOnly(new Set(["b"]));
    expect(await gone).toBe("AbortError");
    expect(cancelled).toEqual(["a/0"]);
    await answer();
    await cache.frame(frames("b"), 0);
    expect(asked).toEqual(["a/0", "b/0"]);
  });

  it("takes the first frame that was begun before the version was known as the sequence's own", async () => {
    const { cache, asked, answer } = slowFetch();
    const begun = cache.first("a");
    expect(begun.version).toBeNull();
    expect(cache.first("a").file).toBe(begun.file);
    const frame = cache.frame(frames("a"), 0);
    await answer();
    expect(await frame).toBe(await begun.file);
    expect(cache.first("a")).toEqual({ version: "v", file: frame });
    expect(asked).toEqual(["a/0 unversioned"]);
  });

  it("has the first frame of a preloaded sequence without asking", async () => {
    const { cache, asked, answer } = slowFetch();
    const done = cache.preload(frames("a", 1));
    await answer();
    await done;
    const first = cache.first("a");
    expect(first.version).toBe("v");
    expect(await first.file).toBe(await cache.frame(frames("a"), 0));
    expect(asked).toEqual(["a/0"]);
  });

  it("cancels the first frame of what was left for another, and asks again for one that failed", async () => {
    const { cache, asked, cancelled } = slowFetch();
    const left = cache.first("a").file.catch((error: unknown) => (error as Error).name);
    const stays = cache.first("b").file.catch((error: unknown) => (error as Error).name);
    expect(await left).toBe("AbortError");
    cache.keepOnly(new Set(["b"]));
    expect(cancelled).toEqual(["a/0 unversioned"]);
    cache.keepOnly(new Set());
    expect(await stays).toBe("AbortError");
    void cache.first("b").file.catch(() => null);
    expect(asked).toEqual(["a/0 unversioned", "b/0 unversioned", "b/0 unversioned"]);
  });

  it("asks again for a frame that failed, and for all when the sequence changed", async () => {
    let fail = true;
    let asked = 0;
    const cache = new FrameCache(() => {
      asked++;
      return fail ? Promise.reject(new Error("gone")) : Promise.resolve(new Blob());
    });
    await expect(cache.frame(frames("a"), 0)).rejects.toThrow("gone");
    fail = false;
    await cache.frame(frames("a"), 0);
    await cache.frame({ ...frames("a"), version: "other" }, 0);
    expect(asked).toBe(3);
  });
});
