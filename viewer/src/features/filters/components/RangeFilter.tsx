/** Two fields of one range. A value counts once it is complete: on leaving the field or Enter. */
import styles from "./RangeFilter.module.css";

interface Props {
  label: string;
  type: "number" | "date";
  from: string;
  to: string;
  onChange: (from: string, to: string) => void;
}

export function RangeFilter({ label, type, from, to, onChange }: Props) {
  const field = (name: string, value: string, commit: (value: string) => void) => (
    <input
      // A new default (a cleared filter, Back) must show: the key makes it a new field.
      key={name + value}
      type={type}
      className={styles.field}
      aria-label={`${label} ${name}`}
      placeholder={name === "from" ? "0" : "1"}
      defaultValue={value}
      {...(type === "number" ? { min: 0, max: 1, step: 0.01 } : {})}
      onBlur={(event) => event.target.value !== value && commit(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
      }}
    />
  );
  return (
    <span className={styles.range} role="group" aria-label={label}>
      <span className={styles.label}>{label}</span>
      {field("from", from, (value) => onChange(value, to))}
      <span aria-hidden="true">–</span>
      {field("to", to, (value) => onChange(from, value))}
    </span>
  );
}
