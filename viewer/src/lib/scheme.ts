/** Light, dark, or as the system says; remembered in this browser. Personal, so not in the address. */
export type Scheme = "system" | "light" | "dark";
export const SCHEMES: readonly Scheme[] = ["system", "light", "dark"];

const NAME = "triage-scheme";

export function savedScheme(): Scheme {
  try {
    const saved = localStorage.getItem(NAME);
    return SCHEMES.find((scheme) => scheme === saved) ?? "system";
  } catch {
    return "system"; // storage can be forbidden; the page works without it
  }
}

export function applyScheme(scheme: Scheme): void {
  if (scheme === "system") delete document.documentElement.dataset.scheme;
  else document.documentElement.dataset.scheme = scheme;
  try {
    localStorage.setItem(NAME, scheme);
  } catch {
    // Not remembered, but applied.
  }
}

export const restoreScheme = (): void => applyScheme(savedScheme());
