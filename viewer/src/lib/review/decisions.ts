/**
 * Decisions: what reviewers said of the rows, as a code for each row. Codes are what sorting and filtering read; `words` tells them.
 * Immutable: a decision makes a new object, so that what depends on it is computed again.
 */
import { tableFromIPC, type Data, type Vector } from "apache-arrow";
import type { Said } from "@/lib/columns/filter";

export interface Decisions {
  /** By row: NONE, LATER, DISAGREE, or FIRST + index into `words`. */
  readonly codes: Uint8Array;
  readonly words: readonly string[];
  /** By row: 1 = this reviewer has an opinion about it. */
  readonly mine: Uint8Array;
  /** A second look: what others said is not shown where this reviewer has no opinion yet. */
  readonly blind: boolean;
  /** Rows that are decided; that reviewers disagree about; that this reviewer has an opinion about; that wait for a second look. */
  readonly decided: number;
  readonly disagreements: number;
  readonly own: number;
  readonly second: number;
}

export const NONE = 0;
export const LATER = 1;
export const DISAGREE = 2;
export const FIRST = 3;
const LAST = 255;

export const isDecided = (decisions: Decisions | null, row: number): boolean => (decisions?.codes[row] ?? NONE) >= FIRST;

/** Whether nothing is left for this reviewer to say: decided, or in a second look decided by this very reviewer. */
export const isDone = (decisions: Decisions | null, row: number): boolean =>
  decisions?.blind === true ? decisions.mine[row] === 1 : isDecided(decisions, row);

/** Whether this reviewer has an opinion about the row, reviewers disagree about it, or others decided it and this reviewer did not. */
export function saidOf(decisions: Decisions | null, row: number, said: Said): boolean {
  if (decisions === null) return false;
  const mine = decisions.mine[row] === 1;
  if (said === "mine") return mine;
  return said === "disagreement" ? decisions.codes[row] === DISAGREE : !mine && decisions.codes[row]! >= DISAGREE;
}

/** What to show for a row; null = nobody said anything. */
export function wordsAt(decisions: Decisions | null, row: number): string | null {
  const code = decisions?.codes[row] ?? NONE;
  if (decisions === null || code === NONE) return null;
  if (decisions.blind && decisions.mine[row] !== 1) return "hidden";
  if (code === LATER) return "later";
  if (code === DISAGREE) return "disagreement";
  return decisions.words[code - FIRST] ?? null;
}

/** The codes to sort by: in a second look all that is hidden is alike, since its place would tell. */
export function sortCodes(decisions: Decisions): Uint8Array {
  if (!decisions.blind) return decisions.codes;
  return decisions.codes.map((code, row) => (code !== NONE && decisions.mine[row] !== 1 ? LAST : code));
}

export function noDecisions(length: number): Decisions {
  return {
    codes: new Uint8Array(length), words: [], mine: new Uint8Array(length), blind: false, decided: 0, disagreements: 0, own: 0, second: 0,
  };
}

/** An answer of decisions.arrow, laid over `length` rows. */
export function decodeDecisions(bytes: ArrayBuffer, length: number, reviewer: string): Decisions {
  const arrow = tableFromIPC(new Uint8Array(bytes));
  const empty = noDecisions(length);
  const { codes, mine } = empty;
  const words: string[] = [];
  if (arrow.numRows > 0) {
    const rows = arrow.getChild("row")!.toArray() as Int32Array;
    const said = namesOf(arrow.getChild("words")!);
    const who = namesOf(arrow.getChild("reviewer")!);
    const decided = arrow.getChild("decided")!;
    const disagreement = arrow.getChild("disagreement")!;
    const isMine = who.names.map((names) => names.split(", ").includes(reviewer));
    const codeOf = new Map<string, number>();
    const codeOfName = said.names.map((name) => codeFor(name, words, codeOf));
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index]!;
      codes[row] = decided.get(index) === true ? codeOfName[said.codes[index]!]! : disagreement.get(index) === true ? DISAGREE : LATER;
      mine[row] = isMine[who.codes[index]!] === true ? 1 : 0;
    }
  }
  return counted({ ...empty, words });
}

/** A dictionary column of one batch, as the server sends it. */
function namesOf(column: Vector): { names: readonly string[]; codes: ArrayLike<number> } {
  const chunk = (column.data as readonly Data[])[0]!;
  return { names: Array.from(chunk.dictionary ?? [], String), codes: chunk.values as ArrayLike<number> };
}

/** `decisions` with these rows said otherwise by this reviewer; "none" takes a decision away. */
export function withDecisions(decisions: Decisions, said: Iterable<readonly [number, string]>): Decisions {
  const codes = decisions.codes.slice();
  const mine = decisions.mine.slice();
  const words = [...decisions.words];
  const codeOf = new Map(words.map((word, index) => [word, FIRST + index] as const));
  for (const [row, word] of said) {
    codes[row] = word === "none" ? NONE : word === "later" ? LATER : codeFor(word, words, codeOf);
    mine[row] = word === "none" ? 0 : 1;
  }
  return counted({ ...decisions, codes, words, mine });
}

/** More different decisions than there are codes share the last one: only their sorting suffers. */
function codeFor(word: string, words: string[], codeOf: Map<string, number>): number {
  let code = codeOf.get(word);
  if (code === undefined) {
    code = Math.min(LAST, FIRST + words.length);
    words.push(word);
    codeOf.set(word, code);
  }
  return code;
}

function counted(decisions: Decisions): Decisions {
  const { codes, mine } = decisions;
  let [decided, disagreements, own, second] = [0, 0, 0, 0];
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row]!;
    if (code >= FIRST) decided++;
    else if (code === DISAGREE) disagreements++;
    if (mine[row] === 1) own++;
    else if (code >= DISAGREE) second++;
  }
  return { ...decisions, decided, disagreements, own, second };
}
