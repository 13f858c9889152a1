/** A button that opens a searchable list of check boxes. Long lists are cut and say so: the search is the way to the rest. */
import { useId, useMemo, useRef, useState } from "react";
import { count } from "@/lib/format";
import { Button } from "./Button";
import styles from "./MultiSelect.module.css";

const SHOWN = 100;

interface Props {
  label: string;
  options: readonly { value: string; label: string; count?: number }[];
  chosen: readonly string[];
  onChange: (chosen: readonly string[]) => void;
}

export function MultiSelect({ label, options, chosen, onChange }: Props) {
  const id = useId();
  const popover = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const toggle = (value: string) =>
    onChange(chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value]);
  return (
    <span className={styles.anchor}>
      <Button popoverTarget={id} aria-expanded={open} pressed={undefined} className={chosen.length > 0 ? styles.active : undefined}>
        {label}
        {chosen.length > 0 && <span className={styles.number}>{chosen.length}</span>}
        <span aria-hidden="true">▾</span>
      </Button>
      <div
        ref={popover}
        id={id}
        popover="auto"
        className={styles.popover}
        role="group"
        aria-label={label}
        onToggle={(event) => setOpen(event.newState === "open")}
      >
        {open && <Choices label={label} options={options} chosen={chosen} toggle={toggle} />}
        {open && chosen.length > 0 && (
          <Button kind="quiet" onClick={() => onChange([])}>
            Clear {label.toLowerCase()}
          </Button>
        )}
      </div>
    </span>
  );
}

function Choices({ label, options, chosen, toggle }: Pick<Props, "label" | "options" | "chosen"> & { toggle: (value: string) => void }) {
  const [search, setSearch] = useState("");
  const found = useMemo(() => {
    const word = search.trim().toLocaleLowerCase();
    return options.filter((option) => option.label.toLocaleLowerCase().includes(word));
  }, [options, search]);
  return (
    <>
      {options.length > 8 && (
        <input
          type="search"
          className={styles.search}
          placeholder="Type to narrow"
          aria-label={`Search ${label.toLowerCase()}`}
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      )}
      <ul className={styles.list}>
        {found.slice(0, SHOWN).map((option) => (
          <li key={option.value}>
            <label className={styles.option}>
              <input type="checkbox" checked={chosen.includes(option.value)} onChange={() => toggle(option.value)} />
              <span className={styles.name} dir="auto" title={option.label}>
                {option.label}
              </span>
              {option.count !== undefined && <span className={styles.count}>{count(option.count)}</span>}
            </label>
          </li>
        ))}
      </ul>
      {found.length > SHOWN && <p className={styles.note}>{count(found.length - SHOWN)} more: type to narrow</p>}
      {found.length === 0 && <p className={styles.note}>Nothing is called that</p>}
    </>
  );
}
