/**
 * FrameCache: the image files of the sequence that is open, of the next few (preloaded) and of the previous (kept warm). Pure policy:
 * what to fetch, what to cancel, what to drop; the fetch itself is given.
 */

export interface FrameKey {
  readonly key: string;
  /** Changes when the sequence does. */
  readonly version: string;
  readonly count: number;
}

export type FetchFrame = (frames: FrameKey, index: number, signal: AbortSignal) => Promise<Blob>;

interface Entry {
  readonly key: string;
  readonly controller: AbortController;
  readonly frames: Map<number, Promise<Blob>>;
}

const id = ({ key, version }: FrameKey) => `${key}@${version}`;

export class FrameCache {
  readonly #entries = new Map<string, Entry>();

  constructor(readonly fetchFrame: FetchFrame) {}

  /** One frame; asked for twice it is fetched once. Rejects with what the fetch said; a failed frame is asked for again next time. */
  frame(frames: FrameKey, index: number): Promise<Blob> {
    const entry = this.#entry(frames);
    const known = entry.frames.get(index);
    if (known !== undefined) return known;
    const fetched = this.fetchFrame(frames, index, entry.controller.signal);
    entry.frames.set(index, fetched);
    fetched.catch(() => entry.frames.delete(index));
    return fetched;
  }

  /** Every frame of a sequence, in order, `atOnce` requests at a time; failures stay with their frame. */
  async preload(frames: FrameKey, atOnce = 3): Promise<void> {
    const { signal } = this.#entry(frames).controller;
    let next = 0;
    const walk = async () => {
      while (next < frames.count && !signal.aborted) await this.frame(frames, next++).catch(() => null);
    };
    await Promise.all(Array.from({ length: atOnce }, walk));
  }

  /** Drops every sequence whose key is not named and cancels what is still on its way for it. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const [name, entry] of this.#entries) {
      if (keys.has(entry.key)) continue;
      entry.controller.abort();
      this.#entries.delete(name);
    }
  }

  #entry(frames: FrameKey): Entry {
    const name = id(frames);
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const entry: Entry = { key: frames.key, controller: new AbortController(), frames: new Map() };
    this.#entries.set(name, entry);
    return entry;
  }
}
