/**
 * Keeps the View and the browser's address in step. The View is the truth while the page is open; the address follows.
 *
 * Steps (another mode, a sequence opened from the list) make a history entry, so that Back returns to it. Continuous changes (the
 * slider, typing, walking with J/K) replace the entry once they rest: to write an address costs the browser half a frame, and it may not be
 * written as often as a slider moves (Safari: 100 in 30 s).
 */
import { createContext, use, useSyncExternalStore } from "react";
import { formatView, parseView, type View } from "./view";

const REST_MS = 350;

export type Change = Partial<View> | ((view: View) => Partial<View>);

export class ViewStore {
  #view: View;
  #pending: ReturnType<typeof setTimeout> | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(readonly window: Window) {
    this.#view = parseView(window.location.search);
    window.addEventListener("popstate", () => {
      this.#cancel();
      this.#show(parseView(window.location.search));
    });
  }

  readonly get = (): View => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** A continuous change: the address follows once it rests, in the same history entry. */
  readonly adjust = (change: Change): void => {
    this.#show(this.#merged(change));
    this.#cancel();
    this.#pending = setTimeout(() => this.#write("replaceState"), REST_MS);
  };

  /** A step: Back undoes it. */
  readonly go = (change: Change): void => {
    if (this.#pending !== null) this.#write("replaceState");
    this.#show(this.#merged(change));
    this.#write("pushState");
  };

  #merged(change: Change): View {
    return { ...this.#view, ...(typeof change === "function" ? change(this.#view) : change) };
  }

  #show(view: View): void {
    this.#view = view;
    for (const listener of this.#listeners) listener();
  }

  #write(how: "pushState" | "replaceState"): void {
    this.#cancel();
    const { pathname, search } = this.window.location;
    const wanted = formatView(this.#view);
    if (wanted !== search) this.window.history[how](null, "", pathname + wanted);
  }

  #cancel(): void {
    if (this.#pending !== null) clearTimeout(this.#pending);
    this.#pending = null;
  }
}

const ViewContext = createContext<ViewStore | null>(null);
export const ViewProvider = ViewContext.Provider;

export function useViewStore(): ViewStore {
  const store = use(ViewContext);
  if (store === null) throw new Error("ViewProvider is missing above this component");
  return store;
}

/** The whole view and the two ways to change it: for what shows or saves all of it, and so is drawn again with every change. */
export function useView(): { view: View; adjust: ViewStore["adjust"]; go: ViewStore["go"] } {
  const { part: view, adjust, go } = useViewPart((whole) => whole);
  return { view, adjust, go };
}

/**
 * A part of the current view, and the two ways to change it. The component is drawn again only when that part is another one, so that the
 * slider does not redraw the filters. `select` must return a part as it is, not a new object.
 */
export function useViewPart<Part>(select: (view: View) => Part): { part: Part; adjust: ViewStore["adjust"]; go: ViewStore["go"] } {
  const store = useViewStore();
  const part = useSyncExternalStore(store.subscribe, () => select(store.get()));
  return { part, adjust: store.adjust, go: store.go };
}
