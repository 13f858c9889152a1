/** fetch with every failure turned into a DataError that says what to do next. */
import type { Problem } from "@/lib/api/types";
import { DataError } from "./dataSource";

export async function get(url: string, signal: AbortSignal, more: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...more, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new DataError(
      { error: "The server does not answer.", expected: null, found: null, next: "Check that `triage view` is still running, then retry." },
      0,
    );
  }
  if (!response.ok) throw new DataError(await problemOf(response), response.status);
  return response;
}

export async function getJson<T>(url: string, signal: AbortSignal, more: RequestInit = {}): Promise<T> {
  const response = await get(url, signal, more);
  return (await response.json()) as T;
}

export async function problemOf(response: Response): Promise<Problem> {
  const fallback = { error: `The server answered ${response.status} ${response.statusText}.`, expected: null, found: null, next: null };
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null && "error" in body ? { ...fallback, ...(body as Problem) } : fallback;
  } catch {
    return fallback;
  }
}
