import { useMemo } from "react";
import { MultiSelect } from "@/components/ui/MultiSelect";
import { useReport } from "@/lib/report/report";
import { useViewPart } from "@/lib/view/store";
import { columnsOf } from "../model/columns";

/** Which columns the table shows; the first one, which says what a row is, always. Part of the view: it travels in the address. */
export function ColumnsMenu() {
  const report = useReport();
  const { part: hidden, go } = useViewPart((view) => view.hidden);
  const options = useMemo(
    () => columnsOf(report).filter(({ id }) => id !== "key").map(({ id, title }) => ({ value: id, label: title })),
    [report],
  );
  return (
    <MultiSelect
      label="Hide columns"
      options={options}
      chosen={hidden}
      onChange={(chosen) => go({ hidden: options.map(({ value }) => value).filter((id) => chosen.includes(id)) })}
    />
  );
}
