/** What the page asks about decisions; beside `DataSource`, which only reads. A static export has none. */
import { createContext, use } from "react";
import type { components } from "@/lib/api/schema";
import { DataError, type ReportRef } from "@/lib/data/dataSource";
import { get, getJson, problemOf } from "@/lib/data/http";
import { decodeDecisions, type Decisions } from "./decisions";

type Schemas = components["schemas"];
export type Receipt = Schemas["ReceiptOut"];
export type DeskInfo = Schemas["ReviewOut"];
export type EventOut = Schemas["EventOut"];
export type Pace = Schemas["PaceOut"];
export type Selected = Schemas["SelectOut"];
export type Audit = Schemas["AuditOut"];
export type Verdict = Schemas["VerdictOut"];

/** A filter expression, what it leaves out, and where the buckets are cut. */
export interface Selection {
  readonly where: string;
  readonly exclusions: readonly number[];
  readonly threshold: number | null;
}

/** What a selection would be decided as, for the command that does the same. */
export interface Wording {
  readonly words: string;
  readonly note?: string;
  readonly tags?: readonly string[];
  readonly settle?: boolean;
}

export interface Deciding extends Selection, Wording {
  /** What others said of it was hidden. */
  readonly blind?: boolean;
  /** The count that was shown; another one is refused. */
  readonly expect: number;
  readonly seconds: number;
}

/** What one sequence of a blind session shows. */
export interface Answer {
  readonly key: string;
  readonly words: string;
  readonly seconds: number;
}

export interface ReviewSource {
  desk(signal: AbortSignal): Promise<DeskInfo>;
  decisions(report: ReportRef, length: number, reviewer: string, snapshot: string | null, signal: AbortSignal): Promise<Decisions>;
  select(report: ReportRef, asked: Selection & Wording, signal: AbortSignal): Promise<Selected>;
  decide(report: ReportRef, deciding: Deciding): Promise<Receipt>;
  /** null = the last of this reviewer. */
  undo(event: string | null): Promise<Receipt>;
  redo(event: string | null): Promise<Receipt>;
  history(signal: AbortSignal): Promise<EventOut[]>;
  pace(report: ReportRef, signal: AbortSignal): Promise<Pace>;
  saveView(name: string, view: Readonly<Record<string, string | number | null>>): Promise<Receipt>;
  /** part: "2/5" of the sequences or of the cameras, null = all of it. */
  assign(view: string, to: string, part: string | null, by: "sequence" | "camera"): Promise<Receipt>;
  snapshot(name: string): Promise<Receipt>;
  /** null = no audit was planned for this report. */
  audit(report: ReportRef, signal: AbortSignal): Promise<Audit | null>;
  /** The blind session begins: from now on the server hides what the audit must not show. */
  beginAudit(report: ReportRef): Promise<Receipt>;
  answerAudit(report: ReportRef, answer: Answer): Promise<Receipt>;
  /** Notes the look and issues a certificate when it is due. */
  reportAudit(report: ReportRef): Promise<Verdict>;
}

export function liveReview(base = "./api"): ReviewSource {
  const report = ({ variant }: ReportRef) => `${base}/reports/${encodeURIComponent(variant)}`;
  return {
    desk: (signal) => getJson(`${base}/review`, signal),
    decisions: async (ref, length, reviewer, snapshot, signal) => {
      const query = snapshot === null ? "" : `?snapshot=${encodeURIComponent(snapshot)}`;
      const response = await get(`${report(ref)}/decisions.arrow${query}`, signal);
      return decodeDecisions(await response.arrayBuffer(), length, reviewer);
    },
    select: (ref, asked, signal) => post(`${report(ref)}/select`, asked, signal),
    decide: (ref, deciding) => post(`${report(ref)}/decide`, deciding),
    undo: (event) => post(`${base}/undo`, { event }),
    redo: (event) => post(`${base}/redo`, { event }),
    history: (signal) => getJson(`${base}/history`, signal),
    pace: (ref, signal) => getJson(`${report(ref)}/pace`, signal),
    saveView: (name, view) => post(`${base}/views`, { name, view }),
    assign: (view, to, part, by) => post(`${base}/assignments`, { view, to, part, by }),
    snapshot: (name) => post(`${base}/snapshots`, { name }),
    audit: (ref, signal) => getJson(`${report(ref)}/audit`, signal),
    beginAudit: (ref) => post(`${report(ref)}/audit/begin`, {}),
    answerAudit: (ref, answer) => post(`${report(ref)}/audit/answer`, answer),
    reportAudit: (ref) => post(`${report(ref)}/audit/report`, {}),
  };
}

async function post<T>(url: string, body: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    response = await fetch(url, signal === undefined ? init : { ...init, signal });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    const next = "Nothing was decided. Check that `triage view` is still running, then press the key again.";
    throw new DataError({ error: "The server does not answer.", expected: null, found: null, next }, 0);
  }
  if (!response.ok) throw new DataError(await problemOf(response), response.status);
  return (await response.json()) as T;
}

const ReviewContext = createContext<ReviewSource | null>(null);
export const ReviewSourceProvider = ReviewContext.Provider;

/** null = this page only shows: a static export, or a server that takes no decisions. */
export function useReviewSource(): ReviewSource | null {
  return use(ReviewContext);
}
