import type { PauseReason } from "./connection-state.js";

/**
 * Listens to the page: network, visibility, the back/forward cache and frozen tabs. Without a page, such as on Node,
 * it does nothing.
 *
 * @param changed called with why the client must not connect, or undefined, whenever the connection should be checked
 * @returns removes all listeners
 */
export const listenToPage = (changed: (pause?: PauseReason) => void): (() => void) => {
  const removed = new AbortController();
  let isHidden = false; // an open connection keeps a page out of the back/forward cache
  const update = (event?: Event): void => {
    if (event?.type == "pagehide") isHidden = true;
    if (event?.type == "pageshow") isHidden = false;
    changed(isHidden ? "hidden" : globalThis.navigator?.onLine === false ? "offline" : undefined);
  };
  const listen = (target: EventTarget | undefined, types: string): void => {
    for (const type of types.split(" ")) target?.addEventListener?.(type, update, { signal: removed.signal });
  };
  listen(globalThis, "online offline pagehide pageshow");
  listen(globalThis.document, "visibilitychange resume");
  update();
  return () => removed.abort();
};
