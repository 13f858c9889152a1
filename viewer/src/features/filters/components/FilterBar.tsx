/** Search, filters, what is filtered, and how many of how many are shown. */
import { useMemo, useRef } from "react";
import { Button } from "@/components/ui/Button";
import { MultiSelect } from "@/components/ui/MultiSelect";
import { holdReason } from "@/lib/buckets";
import { isUnfiltered, NO_FILTERS, SAID, type Filters } from "@/lib/columns/filter";
import { count } from "@/lib/format";
import { useKeys } from "@/lib/keys/useKeys";
import { useReport } from "@/lib/report/report";
import { useSelection } from "@/lib/report/selection";
import { useViewPart } from "@/lib/view/store";
import { chipsOf, optionsOf, SAID_NAMES } from "../model/options";
import { RangeFilter } from "./RangeFilter";
import styles from "./FilterBar.module.css";

/** children: what else belongs into this bar, after the filters. */
export function FilterBar({ children }: { children?: React.ReactNode }) {
  const { table, decisions } = useReport();
  const { part: filters, adjust, go } = useViewPart((view) => view.filters);
  const search = useRef<HTMLInputElement>(null);
  useKeys({ search: () => search.current?.focus() });

  const organizations = useMemo(() => optionsOf(table.organization), [table]);
  const cameras = useMemo(() => optionsOf(table.camera), [table]);
  const holdReasons = useMemo(() => optionsOf(table.holdReason, holdReason), [table]);
  const change = (part: Partial<Filters>) => go({ filters: { ...filters, ...part } });
  return (
    <div className={styles.bar} role="search" aria-label="Filters">
      <input
        ref={search}
        type="search"
        className={styles.search}
        placeholder="Search key, camera, organization  ( / )"
        aria-label="Search key, camera, organization"
        value={filters.text}
        onChange={(event) => adjust({ filters: { ...filters, text: event.target.value } })}
        onKeyDown={(event) => {
          if (event.key === "Escape" || event.key === "Enter") event.currentTarget.blur();
        }}
      />
      <Shown total={table.length} />
      <div className={styles.fields}>
        <MultiSelect
          label="Organization"
          options={organizations}
          chosen={filters.organizations}
          onChange={(chosen) => change({ organizations: chosen })}
        />
        <MultiSelect label="Camera" options={cameras} chosen={filters.cameras} onChange={(chosen) => change({ cameras: chosen })} />
        {holdReasons.length > 0 && (
          <MultiSelect
            label="Hold reason"
            options={holdReasons}
            chosen={filters.holdReasons}
            onChange={(chosen) => change({ holdReasons: chosen })}
          />
        )}
        <RangeFilter
          label="Score"
          type="number"
          from={filters.scoreMin === null ? "" : String(filters.scoreMin)}
          to={filters.scoreMax === null ? "" : String(filters.scoreMax)}
          onChange={(from, to) => change({ scoreMin: bound(from), scoreMax: bound(to) })}
        />
        <RangeFilter
          label="Day"
          type="date"
          from={filters.from ?? ""}
          to={filters.to ?? ""}
          onChange={(from, to) => change({ from: from || null, to: to || null })}
        />
        {decisions !== null && (
          <>
            {[false, true].map((decided) => (
              <Button
                key={String(decided)}
                pressed={filters.decided === decided}
                onClick={() => change({ decided: filters.decided === decided ? null : decided })}
              >
                {decided ? "Decided" : "Undecided"}
              </Button>
            ))}
            {SAID.map((said) => (
              <Button key={said} pressed={filters.said === said} onClick={() => change({ said: filters.said === said ? null : said })}>
                {SAID_NAMES[said]} {count({ mine: decisions.own, disagreement: decisions.disagreements, second_look: decisions.second }[said])}
              </Button>
            ))}
          </>
        )}
        {children !== undefined && <span className={styles.extra}>{children}</span>}
      </div>
      {chipsOf(filters).map((chip) => (
        <Button key={chip.label} kind="chip" onClick={() => go({ filters: chip.without })} aria-label={`Remove filter ${chip.label}`}>
          <span className={styles.chip} dir="auto">
            {chip.label}
          </span>
          <span aria-hidden="true">✕</span>
        </Button>
      ))}
      {!isUnfiltered(filters) && (
        <Button kind="quiet" className={styles.clear} onClick={() => go({ filters: NO_FILTERS })}>
          Clear all
        </Button>
      )}
    </div>
  );
}

/** Apart from the filters, so that they are not drawn again with every step of the slider. */
function Shown({ total }: { total: number }) {
  const { rows } = useSelection();
  return (
    <p className={styles.shown} role="status">
      <strong>{count(rows.length)}</strong> / {count(total)} shown
    </p>
  );
}

/** A typed bound, in [0, 1]; null = none. */
function bound(text: string): number | null {
  const value = Number(text);
  return text.trim() === "" || Number.isNaN(value) ? null : Math.min(1, Math.max(0, value));
}
