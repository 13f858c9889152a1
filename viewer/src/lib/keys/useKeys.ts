/** Binds actions of the keymap to handlers while a component is mounted. */
import { useEffect, useEffectEvent } from "react";
import { actionOf, type Action } from "./keymap";

/** A handler that returns false leaves the press to others and to the browser. */
export type KeyHandlers = Partial<Record<Action, () => unknown>>;

/** `enabled` false: none is called. While a dialog is open its own Escape is all that works. */
export function useKeys(handlers: KeyHandlers, enabled = true): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || document.querySelector("dialog[open], [popover]:popover-open") !== null) return;
    const action = actionOf(event);
    const handler = action === null ? undefined : handlers[action];
    if (handler !== undefined && handler() !== false) event.preventDefault();
  });
  useEffect(() => {
    if (!enabled) return;
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [enabled]);
}
