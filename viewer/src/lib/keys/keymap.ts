/** Every key of the page, in one table: the handlers and the help sheet read it. */

export const KEYMAP = {
  next: { keys: ["j"], group: "Move", what: "Next sequence" },
  previous: { keys: ["k"], group: "Move", what: "Previous sequence" },
  down: { keys: ["ArrowDown"], group: "Move", what: "Next sequence; in the grid, a row down" },
  up: { keys: ["ArrowUp"], group: "Move", what: "Previous sequence; in the grid, a row up" },
  first: { keys: ["Home"], group: "Move", what: "First sequence" },
  last: { keys: ["End"], group: "Move", what: "Last sequence" },
  pageDown: { keys: ["PageDown"], group: "Move", what: "A page on" },
  pageUp: { keys: ["PageUp"], group: "Move", what: "A page back" },
  open: { keys: ["Enter"], group: "Move", what: "Open the marked sequence" },
  close: { keys: ["Escape"], group: "Move", what: "Close the sequence or a dialog" },
  play: { keys: [" "], group: "Player", what: "Play or pause; in the grid, all tiles" },
  right: { keys: ["ArrowRight"], group: "Player", what: "Next frame; in the grid, next tile" },
  left: { keys: ["ArrowLeft"], group: "Player", what: "Previous frame; in the grid, previous tile" },
  faster: { keys: [".", ">"], group: "Player", what: "Faster" },
  slower: { keys: [",", "<"], group: "Player", what: "Slower" },
  boxes: { keys: ["b"], group: "Player", what: "Show or hide boxes" },
  grid: { keys: ["g"], group: "Page", what: "Switch between table and grid" },
  leaveOut: { keys: ["-"], group: "Decide", what: "Leave the marked sequence out of “Decide all”, or take it in again" },
  letters: { keys: ["f"], group: "Decide", what: "Letters decide, or move and switch" },
  search: { keys: ["/"], group: "Page", what: "Search" },
  reset: { keys: ["0"], group: "Page", what: "Threshold back to the run’s own" },
  help: { keys: ["?"], group: "Page", what: "Show this sheet" },
} as const satisfies Record<string, { keys: readonly string[]; group: string; what: string }>;

export type Action = keyof typeof KEYMAP;

/** Letters are matched without case: Caps Lock must not silence the page. */
const normal = (key: string) => (key.length === 1 ? key.toLowerCase() : key);

const ACTION_OF = new Map<string, Action>(
  Object.entries(KEYMAP).flatMap(([action, { keys }]) => keys.map((key) => [normal(key), action as Action] as const)),
);

export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly target: EventTarget | null;
}

/**
 * What a key press asks for; null = nothing of ours. Browser shortcuts (with Ctrl, Meta, Alt) stay the browser's; text fields keep all
 * but Escape; a focused control keeps the keys that work it.
 */
export function actionOf(press: KeyPress): Action | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  const action = ACTION_OF.get(normal(press.key)) ?? null;
  const { target } = press;
  if (action === null || !(target instanceof HTMLElement) || action === "close") return action;
  if (target.matches("textarea, select, [contenteditable], input:not([type=checkbox], [type=range])")) return null;
  if (target.matches("input[type=range]") && /^(Arrow|Page|Home|End)/.test(press.key)) return null;
  if ((press.key === " " || press.key === "Enter") && target.closest("button, a, summary, input, [role=option]") !== null) return null;
  return action;
}
