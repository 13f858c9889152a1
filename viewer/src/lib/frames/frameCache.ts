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

/** version null: as it is now. */
export type FetchFrame = (key: string, version: string | null, index: number, signal: AbortSignal) => Promise<Blob>;

/** The first frame of a sequence; version null = it was asked for before the version was known, so it is as new as any. */
export interface FirstFrame {
  readonly version: string | null;
  readonly file: Promise<Blob>;
}

interface Entry {
  readonly key: string;
  readonly version: string;
  readonly controller: AbortController;
  readonly frames: Map<number, Promise<Blob>>;
}

const id = ({ key, version }: FrameKey) => `${key}@${version}`;

export class FrameCache {
  readonly #entries = new Map<string, Entry>();
  /** Of the sequence being opened: fetched before its details said which version it has. */
  #begun: { readonly key: string; readonly file: Promise<Blob>; readonly controller: AbortController } | null = null;

  constructor(readonly fetchFrame: FetchFrame) {}

  /** The first frame of a sequence of which nothing else need be known: what one waits for does not wait for the rest. */
  first(key: string): FirstFrame {
    for (const entry of this.#entries.values()) {
      const file = entry.key === key ? entry.frames.get(0) : undefined;
      if (file !== undefined) return { version: entry.version, file };
    }
    if (this.#begun?.key !== key) {
      this.#begun?.controller.abort();
      const controller = new AbortController();
      const file = this.fetchFrame(key, null, 0, controller.signal);
      this.#begun = { key, file, controller };
      file.catch(() => {
        if (this.#begun?.file === file) this.#begun = null;
      });
    }
    return { version: null, file: this.#begun.file };
  }

  /** One frame; asked for twice it is fetched once. Rejects with what the fetch said; a failed frame is asked for again next time. */
  frame(frames: FrameKey, index: number): Promise<Blob> {
    const entry = this.#entry(frames);
    const known = entry.frames.get(index);
    if (known !== undefined) return known;
    const begun = index === 0 && this.#begun?.key === frames.key ? this.#begun.file : null;
    const fetched = begun ?? this.fetchFrame(frames.key, frames.version, index, entry.controller.signal);
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
    if (this.#begun !== null && !keys.has(this.#begun.key)) {
      this.#begun.controller.abort();
      this.#begun = null;
    }
  }

  #entry(frames: FrameKey): Entry {
    const name = id(frames);
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const entry: Entry = { key: frames.key, version: frames.version, controller: new AbortController(), frames: new Map() };
    this.#entries.set(name, entry);
    return entry;
  }
}
