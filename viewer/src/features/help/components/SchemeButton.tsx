import { useState } from "react";
import { Button } from "@/components/ui/Button";
import { applyScheme, savedScheme, SCHEMES } from "@/lib/scheme";

const NAMES = { system: "◐ System", light: "☀ Light", dark: "☾ Dark" };

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
      {NAMES[scheme]}
    </Button>
  );
}
