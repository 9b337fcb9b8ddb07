/** A code of the protocol, a code of this client, or one that the server's application defines. */
export type ErrorCode =
  | "bad_message"
  | "unknown_type"
  | "unknown_topic"
  | "forbidden"
  | "not_subscribed"
  | "too_large"
  | "rate_limited"
  | "too_many_topics"
  | "bad_payload"
  | "internal"
  | "timeout"
  /** The connection broke before the reply. The server may have processed the message. */
  | "connection_lost"
  /** The client is closed and does not reconnect. */
  | "closed"
  /** The buffer of an iterator is full, and the topic keeps no history to recover from. */
  | "slow_collector"
  /** The outbox is full. The message was not queued. */
  | "outbox_full"
  | (string & {});

/** The failure of a publish, a request or a subscription. The message is for logs and contains no payload. */
export class LiveError extends Error {
  constructor(
    readonly code: ErrorCode,
    reason: string = code,
    /** Milliseconds after which a retry can succeed, if the server sent them. */
    readonly retryAfterMs?: number,
  ) {
    super(reason);
    this.name = "LiveError";
  }
}

/** `error` as a {@link LiveError}: errors of other types come from a schema or a codec. */
export const badPayload = (error: unknown): LiveError =>
  error instanceof LiveError ? error : new LiveError("bad_payload", "" + error);

/** Reports an error in the application's code as an uncaught one, without stopping the client or other listeners. */
export const report = (error: unknown): void => {
  queueMicrotask(() => {
    throw error;
  });
};

/** Whether the same message can succeed later. */
export const isTemporary = ({ code }: LiveError): boolean => /^(rate_limited|internal|timeout)$/.test(code);
