/** DataSource over the files of `triage view --export`, beside the page on any web server. Sizes are those that were exported. */
import type { ModelPanel, ReportSummary, SequenceDetail } from "@/lib/api/types";
import { decodeRows } from "@/lib/columns/decode";
import type { Vocabulary } from "@/lib/review/vocabulary";
import { DataError, type DataSource, type ReportRef } from "./dataSource";
import { get, getJson } from "./http";

/** Whether the page that is open was exported: `triage.server.export` marks it. */
export const isExported = (document: Document): boolean => document.querySelector('meta[name="triage-data"][content="exported"]') !== null;

const part = encodeURIComponent;

export function exportedSource(base = "./data"): DataSource {
  const report = ({ variant }: ReportRef) => `${base}/${part(variant)}`;
  const sequence = (of: ReportRef, key: string) => `${report(of)}/sequences/${part(key)}`;
  // Exported again to the same place, another version is another address: nothing old is shown from a cache.
  const now = ({ version }: ReportRef) => `?v=${part(version)}`;
  return {
    reports: (signal) => getJson<ReportSummary[]>(`${base}/reports.json`, signal, { cache: "no-cache" }),
    rows: async (of, signal) => decodeRows(await (await get(`${report(of)}/rows.arrow${now(of)}`, signal)).arrayBuffer()),
    vocabulary: (signal) => getJson<Vocabulary>(`${base}/vocabulary.json`, signal),
    model: (of, signal) => getJson<ModelPanel>(`${report(of)}/model.json${now(of)}`, signal),
    sequence: (of, key, signal) => getJson<SequenceDetail>(`${sequence(of, key)}/detail.json${now(of)}`, signal),
    frame: async (of, key, index, _version, signal) => (await get(`${sequence(of, key)}/frames/${index}.jpg${now(of)}`, signal)).blob(),
    stripUrl: (of, key) => `${sequence(of, key)}/strip.jpg${now(of)}`,
    cropUrl: (of, key, tubeId, slot) => `${sequence(of, key)}/crops/${tubeId}-${slot}.jpg${now(of)}`,
    whyNot: async (url, signal) => {
      try {
        await get(url, signal);
        return "the browser cannot draw the image";
      } catch (error) {
        if (error instanceof DataError) return error.status === 404 ? "none was exported" : error.message;
        throw error;
      }
    },
  };
}
