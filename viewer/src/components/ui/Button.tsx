import type { ButtonHTMLAttributes, Ref } from "react";
import styles from "./Button.module.css";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: "plain" | "primary" | "quiet" | "chip" | undefined;
  /** Given for buttons that stay down: said to screen readers as pressed or not. */
  pressed?: boolean | undefined;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ kind = "plain", pressed, className, ...rest }: Props) {
  return (
    <button type="button" aria-pressed={pressed} className={[styles.button, styles[kind], className].filter(Boolean).join(" ")} {...rest} />
  );
}
