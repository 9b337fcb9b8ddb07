import type { DisconnectCause } from "../connection/connection-state.js";

const TIMEOUT_MS = 5_000;

/**
 * For the option `diagnose`: finds out why an upgrade failed. Browsers hide the status and the body of a refused
 * upgrade, so this sends a GET to the same URL. A server of another origin must allow that with CORS.
 */
export const probeUpgrade = async (url: string): Promise<DisconnectCause> => {
  const aborted = new AbortController();
  const timer = setTimeout(() => aborted.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(url.replace("ws", "http"), { signal: aborted.signal });
    const { status, headers } = response;
    const text = (await response.text()).replace(/<(style|script)[^]*?<\/\1>|<[^>]*>|\s+/g, " ");
    const seconds = +headers.get("retry-after")!;
    return {
      kind: "upgrade_rejected",
      status,
      reason: `a GET answers HTTP ${status}, ${headers.get("content-type")}: ${text.trim().slice(0, 200)}`,
      ...(seconds > 0 && { retryAfterMs: Math.min(seconds, 3_600) * 1_000 }),
    };
  } catch (e) {
    return { kind: "unreachable", reason: `the upgrade failed, and a GET too: ${e}` };
  } finally {
    clearTimeout(timer);
  }
};
