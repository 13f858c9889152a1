/**
 * Decisions: what reviewers said of the rows, as a code for each row. Codes are what sorting and filtering read; `words` tells them.
 * Immutable: a decision makes a new object, so that what depends on it is computed again.
 */
import { tableFromIPC } from "apache-arrow";
import type { Said } from "@/lib/columns/filter";

export interface Decisions {
  /** By row: NONE, LATER, DISAGREE, or FIRST + index into `words`. */
  readonly codes: Uint8Array;
  readonly words: readonly string[];
  /** Rows this reviewer has an opinion about; how many rows are decided; how many reviewers disagree about. */
  readonly mine: ReadonlySet<number>;
  readonly decided: number;
  readonly disagreements: number;
}

export const NONE = 0;
export const LATER = 1;
export const DISAGREE = 2;
export const FIRST = 3;

export const isDecided = (decisions: Decisions | null, row: number): boolean => (decisions?.codes[row] ?? NONE) >= FIRST;

/** Whether this reviewer has an opinion about the row, or reviewers disagree about it. */
export const saidOf = (decisions: Decisions | null, row: number, said: Said): boolean =>
  said === "mine"
    ? (decisions?.mine.has(row) ?? false)
    : said === "disagreement"
      ? decisions?.codes[row] === DISAGREE
      : (decisions?.codes[row] ?? NONE) !== NONE && decisions?.mine.has(row) === false;

/** What to show for a row; null = nobody said anything. */
export function wordsAt(decisions: Decisions | null, row: number): string | null {
  const code = decisions?.codes[row] ?? NONE;
  if (code === NONE) return null;
  if (code === LATER) return "later";
  if (code === DISAGREE) return "disagreement";
  return decisions?.words[code - FIRST] ?? null;
}

export function noDecisions(length: number): Decisions {
  return { codes: new Uint8Array(length), words: [], mine: new Set(), decided: 0, disagreements: 0 };
}

/** An answer of decisions.arrow, laid over `length` rows. */
export function decodeDecisions(bytes: ArrayBuffer, length: number, reviewer: string): Decisions {
  const arrow = tableFromIPC(new Uint8Array(bytes));
  const rows = arrow.getChild("row");
  const words = arrow.getChild("words");
  const decided = arrow.getChild("decided");
  const disagreement = arrow.getChild("disagreement");
  const who = arrow.getChild("reviewer");
  const mine = new Set<number>();
  const said: [number, string][] = [];
  for (let index = 0; index < arrow.numRows; index++) {
    const word = disagreement?.get(index) === true ? "disagreement" : decided?.get(index) === true ? String(words?.get(index)) : "later";
    const row = Number(rows?.get(index));
    if (String(who?.get(index)).split(", ").includes(reviewer)) mine.add(row);
    said.push([row, word]);
  }
  return { ...withDecisions(noDecisions(length), said), mine };
}

/** `decisions` with these rows said otherwise; "none" takes a decision away. */
export function withDecisions(decisions: Decisions, said: Iterable<readonly [number, string]>): Decisions {
  const codes = decisions.codes.slice();
  const words = [...decisions.words];
  const codeOf = new Map<string, number>([
    ["none", NONE],
    ["later", LATER],
    ["disagreement", DISAGREE],
    ...words.map((word, index) => [word, FIRST + index] as const),
  ]);
  const mine = new Set(decisions.mine);
  for (const [row, word] of said) {
    if (word === "none") mine.delete(row);
    else mine.add(row);
    let code = codeOf.get(word);
    if (code === undefined) {
      // More than 253 different decisions share the last code: only their sorting suffers.
      code = Math.min(255, FIRST + words.length);
      words.push(word);
      codeOf.set(word, code);
    }
    codes[row] = code;
  }
  let decided = 0;
  let disagreements = 0;
  for (const code of codes) {
    if (code >= FIRST) decided++;
    else if (code === DISAGREE) disagreements++;
  }
  return { codes, words, mine, decided, disagreements };
}
