/** DataSource over the API of `triage view`, on the same host as the page. */
import type { ModelPanel, ReportSummary, SequenceDetail } from "@/lib/api/types";
import { decodeRows } from "@/lib/columns/decode";
import type { Vocabulary } from "@/lib/review/vocabulary";
import { DataError, type DataSource } from "./dataSource";
import { get, getJson } from "./http";

const part = encodeURIComponent;

export function liveSource(base = "./api"): DataSource {
  const report = (variant: string) => `${base}/reports/${part(variant)}`;
  const sequence = (variant: string, key: string) => `${report(variant)}/sequences/${part(key)}`;
  return {
    reports: (signal) => getJson<ReportSummary[]>(`${base}/reports`, signal),
    rows: async ({ variant, version }, signal) => {
      const response = await get(`${report(variant)}/rows.arrow?v=${part(version)}`, signal);
      return decodeRows(await response.arrayBuffer());
    },
    vocabulary: (signal) => getJson<Vocabulary>(`${base}/vocabulary`, signal),
    model: ({ variant }, signal) => getJson<ModelPanel>(`${report(variant)}/model`, signal),
    sequence: ({ variant }, key, signal) => getJson<SequenceDetail>(sequence(variant, key), signal),
    frame: async ({ variant }, key, index, version, signal) => {
      const versioned = version === null ? "" : `?v=${part(version)}`;
      const response = await get(`${sequence(variant, key)}/frames/${index}.jpg${versioned}`, signal);
      return response.blob();
    },
    stripUrl: ({ variant, version }, key, size) => `${sequence(variant, key)}/strip?size=${size}&v=${part(version)}`,
    cropUrl: ({ variant }, key, tubeId, slot, size, version) =>
      `${sequence(variant, key)}/tubes/${tubeId}/crops/${slot}.jpg?size=${size}&v=${part(version)}`,
    whyNot: async (url, signal) => {
      try {
        await get(url, signal);
        return "the browser cannot draw the image";
      } catch (error) {
        if (error instanceof DataError) return error.message;
        throw error;
      }
    },
  };
}
