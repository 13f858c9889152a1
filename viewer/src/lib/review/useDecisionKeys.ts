/**
 * Calls `decide` when a decision's key is pressed; `more` = with Shift, a false positive's type beside those it has. Letters work while
 * `letters`; digits always. Ctrl-Z and Ctrl-Shift-Z undo and redo.
 */
import { useEffect, useEffectEvent } from "react";
import type { Desk } from "./desk";
import { alwaysOn } from "./vocabulary";

export function useDecisionKeys(desk: Desk | null, letters: boolean, decide: (words: string, more: boolean) => void): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    if (desk === null || event.defaultPrevented || document.querySelector("dialog[open], [popover]:popover-open") !== null) return;
    const { target } = event;
    if (target instanceof HTMLElement && target.matches("textarea, select, [contenteditable], input:not([type=checkbox], [type=range])")) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey && key === "z") {
      event.preventDefault();
      void (event.shiftKey ? desk.redo() : desk.undo());
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1) return;
    const entry = desk.keys.find((each) => each.key === key);
    if (entry === undefined || !(letters || alwaysOn(key))) return;
    // Before the keymap of moving and switching sees it: some letters mean both, and deciding wins while it is on.
    event.preventDefault();
    event.stopImmediatePropagation();
    decide(entry.words, event.shiftKey && entry.group === "False positive");
  });
  useEffect(() => {
    window.addEventListener("keydown", press, { capture: true });
    return () => window.removeEventListener("keydown", press, { capture: true });
  }, []);
}
