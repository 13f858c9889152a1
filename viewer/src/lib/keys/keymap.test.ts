import { describe, expect, it } from "vitest";
import { actionOf, KEYMAP } from "./keymap";

const press = (key: string, target: EventTarget | null = document.body, held: Partial<Record<"ctrlKey" | "metaKey" | "altKey", boolean>> = {}) =>
  actionOf({ key, target, ctrlKey: false, metaKey: false, altKey: false, ...held });

const element = (html: string) => {
  document.body.innerHTML = html;
  return document.body.firstElementChild;
};

describe("keys", () => {
  it("belong to one action each", () => {
    const keys = Object.values(KEYMAP).flatMap((entry) => entry.keys.map((key) => key.toLowerCase()));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("work with Caps Lock", () => {
    expect(press("j")).toBe("next");
    expect(press("J")).toBe("next");
    expect(press("q")).toBeNull();
  });

  it("leave the browser its shortcuts", () => {
    expect(press("g", document.body, { ctrlKey: true })).toBeNull();
    expect(press("ArrowLeft", document.body, { altKey: true })).toBeNull();
  });

  it("leave text fields all but Escape", () => {
    const field = element("<input type=search>");
    expect(press("j", field)).toBeNull();
    expect(press("/", field)).toBeNull();
    expect(press("Escape", field)).toBe("close");
  });

  it("leave focused controls what works them", () => {
    expect(press(" ", element("<button>Play</button>"))).toBeNull();
    expect(press("j", element("<button>Play</button>"))).toBe("next");
    expect(press("ArrowLeft", element("<input type=range>"))).toBeNull();
    expect(press("j", element("<input type=range>"))).toBe("next");
  });
});
