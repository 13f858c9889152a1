/** Decisions and their keys: the annotators' own letters, as the server tells them. One key = one decision + next. */
import type { components } from "@/lib/api/schema";

export type Vocabulary = components["schemas"]["Vocabulary"];

export interface DecisionKey {
  /** "" = this decision has no key (a person gave it to another one). */
  readonly key: string;
  /** As the server reads it. */
  readonly words: string;
  readonly label: string;
  readonly group: "Smoke" | "False positive" | "Other";
}

/** Every decision there is; what the annotator has no key for (later, take back) gets one of ours. */
export function decisionKeys(vocabulary: Vocabulary): readonly DecisionKey[] {
  return [
    ...vocabulary.smoke_types.map(({ name, key }) => ({
      key,
      words: `smoke:${name}`,
      label: name === "other" ? "other smoke" : name,
      group: "Smoke" as const,
    })),
    ...vocabulary.false_positive_types.map(({ name, key }) => ({
      key,
      words: name === "other" ? "false_positive:other" : name,
      label: name === "other" ? "other (no smoke)" : name.replaceAll("_", " "),
      group: "False positive" as const,
    })),
    { key: vocabulary.actions.unsure ?? "u", words: "unsure", label: "unsure", group: "Other" },
    { key: "y", words: "later", label: "keep for later", group: "Other" },
    { key: "z", words: "none", label: "take back", group: "Other" },
  ];
}

/** The keys in force: `keys`, less what a person has set otherwise (words -> key). */
export function remapped(keys: readonly DecisionKey[], changes: Readonly<Record<string, string>>): readonly DecisionKey[] {
  const taken = new Map(Object.entries(changes).map(([words, key]) => [key, words]));
  return keys.map((entry) => {
    const mine = changes[entry.words];
    if (mine !== undefined) return { ...entry, key: mine };
    return taken.has(entry.key) ? { ...entry, key: "" } : entry;
  });
}

/** Other than alone, the type "other" needs no word for what it is other than. */
const typeOf = (words: string): string => (words === "false_positive:other" ? "other" : words);

/**
 * A false positive with one type more, or one less when it has it already: "antenna" and "tree" are "antenna+tree". What is no false positive,
 * or would be left without any type, is the added type alone.
 */
export function withType(keys: readonly DecisionKey[], words: string | null, added: string): string {
  const types = new Set(keys.filter((entry) => entry.group === "False positive").map((entry) => typeOf(entry.words)));
  const had = words === null ? [] : typeOf(words).split("+");
  if (had.length === 0 || !had.every((name) => types.has(name))) return added;
  const one = typeOf(added);
  const now = had.includes(one) ? had.filter((name) => name !== one) : [...had, one];
  return now.length === 0 ? added : now.length === 1 && now[0] === "other" ? "false_positive:other" : now.join("+");
}

/** Digits decide at any time; letters only while decision keys are on, because some of them also move and switch. */
export const alwaysOn = (key: string): boolean => /^[1-9]$/.test(key);

export const labelOf = (keys: readonly DecisionKey[], words: string): string =>
  keys.find((entry) => entry.words === words)?.label ?? words.replaceAll("_", " ").replaceAll("+", " + ");
