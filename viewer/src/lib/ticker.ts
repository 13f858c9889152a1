/** One clock for everything that loops: a hundred tiles stepping together cost one timer. */
export class Ticker {
  readonly #listeners = new Set<(tick: number) => void>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #tick = 0;

  constructor(readonly everyMs: number) {}

  readonly subscribe = (listener: (tick: number) => void): (() => void) => {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => {
      this.#tick++;
      for (const each of this.#listeners) each(this.#tick);
    }, this.everyMs);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0 && this.#timer !== null) {
        clearInterval(this.#timer);
        this.#timer = null;
      }
    };
  };
}
