import { afterEach, describe, expect, it, vi } from "vitest";
import { NO_FILTERS } from "@/lib/columns/filter";
import { ViewStore } from "./store";
import { formatView, parseView, START, type View } from "./view";

const FULL: View = {
  report: "vit 0.2 & more",
  mode: "grid",
  open: "pyro-annotator_12",
  threshold: 0.5,
  sort: { column: "camera", descending: false },
  hidden: ["azimuth", "trigger"],
  filters: {
    buckets: ["review", "hold"],
    organizations: ["Forêt d'Ardèche", "<script>alert(1)</script>"],
    cameras: ["a&b=c", "مرصد"],
    holdReasons: ["no_tube"],
    outcomes: ["kept-fp"],
    scoreMin: 0,
    scoreMax: 0.25,
    from: "2026-05-01",
    to: "2026-05-02",
    alert: 7,
    decided: false,
    said: "mine",
    part: "2/5 by camera",
    text: "cam 9 #%",
  },
};

describe("the address", () => {
  it("says nothing at the start", () => {
    expect(formatView(START)).toBe("");
    expect(parseView("")).toEqual(START);
  });

  it("carries everything and comes back the same", () => {
    expect(parseView(formatView(FULL))).toEqual(FULL);
  });

  it("counts what cannot be understood as not said", () => {
    expect(parseView("?t=2&mode=list&sort=-nothing&bucket=oops&min=x&from=2026-99-99&alert=-1&decided=maybe")).toEqual(START);
    expect(parseView("?t=").threshold).toBeNull();
  });
});

describe("the store", () => {
  afterEach(() => {
    vi.useRealTimers();
    window.history.replaceState(null, "", "/");
  });

  it("writes steps at once and adjustments a moment later", () => {
    vi.useFakeTimers();
    const store = new ViewStore(window);
    const before = window.history.length;
    store.adjust({ threshold: 0.5 });
    store.adjust({ threshold: 0.6 });
    expect(window.location.search).toBe("");
    vi.advanceTimersByTime(1000);
    expect(window.location.search).toBe("?t=0.6");
    expect(window.history.length).toBe(before);
    store.go({ mode: "grid" });
    expect(window.location.search).toBe("?mode=grid&t=0.6");
    expect(window.history.length).toBe(before + 1);
  });

  it("keeps an adjustment that a step overtakes in the entry that Back returns to", () => {
    vi.useFakeTimers();
    const store = new ViewStore(window);
    store.adjust({ threshold: 0.6 });
    store.go({ open: "pyro-annotator_1" });
    expect(window.location.search).toBe("?t=0.6&open=pyro-annotator_1");
  });

  it("follows Back", () => {
    const store = new ViewStore(window);
    const seen = vi.fn();
    store.subscribe(seen);
    window.history.replaceState(null, "", "?mode=grid");
    window.dispatchEvent(new PopStateEvent("popstate"));
    expect(seen).toHaveBeenCalledOnce();
    expect(store.get()).toEqual({ ...START, mode: "grid", filters: NO_FILTERS });
  });
});
