/** Why there is no connection. A `reason` is for logs and contains no tokens. */
export interface DisconnectCause {
  /**
   * - `closed_by_server`: with the `code` and perhaps a `reason` of the server
   * - `upgrade_rejected`: the server did not accept the upgrade. Browsers hide its answer, so `status` and `reason` are
   *   the answer to a GET of the same URL, to which a live endpoint responds with 426.
   * - `unreachable`: there is no connection, or the upgrade failed. The option `diagnose` finds out more
   * - `connection_lost`: the connection broke without a close frame
   * - `heartbeat_timeout`: nothing was received, not even a pong
   * - `protocol_error`: the server sent a message that cannot be decoded or is too large
   * - `no_token`: the token function failed with `error`, was too slow, or returned no valid token
   * - `stale_token`: the server rejected the token, and the token function returned the same one again
   * - `closed_by_client`: the application closed the client
   */
  kind:
    | "closed_by_server"
    | "upgrade_rejected"
    | "unreachable"
    | "connection_lost"
    | "heartbeat_timeout"
    | "protocol_error"
    | "no_token"
    | "stale_token"
    | "closed_by_client";
  reason?: string;
  /** The close code of the server. */
  code?: number;
  /** The HTTP status of the answer. */
  status?: number;
  /** The time after which the server accepts the upgrade. */
  retryAfterMs?: number;
  error?: unknown;
}

/**
 * State of the connection. The first one is `connecting`, the last one is `closed`.
 *
 * - `connecting`: `attempt` is 0 for the first connection, n for the n-th reconnect since the last stable one
 * - `waiting`: the next attempt starts in `delayMs`, at `until` on the clock of `performance.now()`
 * - `paused`: the browser is offline, or the page is in the back/forward cache
 * - `closed`: the client does not reconnect
 */
export type ConnectionState =
  | { status: "connecting"; attempt: number }
  | { status: "connected"; subprotocol: string }
  | { status: "waiting"; attempt: number; delayMs: number; until: number; cause: DisconnectCause }
  | { status: "paused"; reason: PauseReason }
  | { status: "closed"; cause: DisconnectCause };

export type PauseReason = "offline" | "hidden";
