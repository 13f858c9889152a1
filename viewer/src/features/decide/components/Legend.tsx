import { Button } from "@/components/ui/Button";
import type { DecisionKey } from "@/lib/review/vocabulary";
import styles from "./Legend.module.css";

const GROUPS = ["Smoke", "False positive", "Other"] as const;

/** One key = one decision + next. Always in sight while letters decide, since some of them mean something else otherwise. */
export function Legend({ keys, onChange }: { keys: readonly DecisionKey[]; onChange: () => void }) {
  return (
    <div className={styles.legend} aria-label="Decision keys">
      {GROUPS.map((group) => (
        <dl key={group} aria-label={group}>
          {keys
            .filter((entry) => entry.group === group)
            .map((entry) => (
              <div key={entry.words}>
                <dt>{entry.key === "" ? "–" : <kbd>{entry.key.toUpperCase()}</kbd>}</dt>
                <dd>{entry.label}</dd>
              </div>
            ))}
        </dl>
      ))}
      <dl aria-label="Several types">
        <div>
          <dt>
            <kbd>Shift</kbd>
          </dt>
          <dd>one type more</dd>
        </div>
      </dl>
      <Button kind="quiet" onClick={onChange}>
        Change keys
      </Button>
    </div>
  );
}
