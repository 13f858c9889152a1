/** For asynchronous work of an effect: whether it was left, and what its cleanup calls. */
export function leaving(): { gone: () => boolean; leave: () => void } {
  const controller = new AbortController();
  return { gone: () => controller.signal.aborted, leave: () => controller.abort() };
}
