import { useState } from "react";
import { Button } from "@/components/ui/Button";
import styles from "./SchemeButton.module.css";
import { applyScheme, savedScheme, SCHEMES } from "@/lib/scheme";

const LOOKS = { system: ["◐", "System"], light: ["☀", "Light"], dark: ["☾", "Dark"] };

export function SchemeButton() {
  const [scheme, setScheme] = useState(savedScheme);
  const next = SCHEMES[(SCHEMES.indexOf(scheme) + 1) % SCHEMES.length]!;
  return (
    <Button
      title={`Colours: ${scheme}. Click for ${next}.`}
      aria-label={`Colours: ${scheme}`}
      onClick={() => {
        applyScheme(next);
        setScheme(next);
      }}
    >
      <span aria-hidden="true">{LOOKS[scheme][0]}</span>
      <span className={styles.word}>{LOOKS[scheme][1]}</span>
    </Button>
  );
}
