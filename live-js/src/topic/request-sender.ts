import { type Message, type OutgoingMessage, checkName } from "../codec/message.js";
import { LiveError } from "../errors.js";
import type { OutboxEntry } from "./outbox.js";
import type { Router } from "./router.js";

/** Options of `publish` and `request`. */
export interface SendOptions {
  /** Aborts the call: the promise rejects with the signal's reason. A message that is sent already stays sent. */
  signal?: AbortSignal | undefined;
  /** Time limit for the call, including the wait for a connection. Default: the client's `requestTimeoutMs`. */
  timeoutMs?: number | undefined;
  /** Idempotency key, 1 to 63 bytes. See the method. */
  key?: string | undefined;
}

/** A payload to encode. */
export interface Payload {
  json?: string | undefined;
  body?: Uint8Array | undefined;
}

/** The payload of an outgoing message: bytes stay bytes, everything else is JSON. Throws if it cannot be encoded. */
export const payloadOf = (value: unknown): Payload => {
  if (value instanceof Uint8Array) return { body: value.slice() };
  const json = JSON.stringify(value);
  if (!json) throw new TypeError("a payload must be JSON");
  return { json };
};

/**
 * Sends `message`, and resolves to the `ack` or `reply`. The wait for a connection counts as well.
 *
 * @param isRetried whether to send the message again after an error
 */
export const sendRequest = (
  router: Router,
  message: OutgoingMessage,
  { signal, timeoutMs = router._timeoutMs, key }: SendOptions = {},
  isRetried?: (error: LiveError) => boolean,
): Promise<Message> =>
  new Promise((resolve, reject) => {
    const { _outbox: outbox, _pending: pending, _sends: sends } = router;
    let ref = "";
    let mayBeProcessed = false;

    const entry: OutboxEntry = {
      _send: message,
      _take() {
        mayBeProcessed = true;
        ref = key ? "=" + key : router._newRef();
        pending.set(ref, settle);
        return { ...message, ref };
      },
    };
    const end = (): void => {
      clearTimeout(timer);
      sends.delete(settle);
      outbox._remove(entry);
      pending.delete(ref);
      signal?.removeEventListener("abort", abort);
    };
    const settle = (reply: unknown): void => {
      if (reply instanceof LiveError && isRetried?.(reply)) return outbox._add(entry);
      end();
      if (reply instanceof LiveError) reject(reply);
      else resolve(reply as Message);
    };
    const abort = (): void => {
      end();
      reject(signal!.reason);
    };

    signal?.throwIfAborted();
    if (router._closed) throw router._closed();
    if (key !== undefined) checkName(key, 63);
    if (key && [...sends.values()].includes(key)) throw new LiveError("bad_payload", "the key is in use");
    if (!outbox._hasRoom(message)) throw new LiveError("outbox_full");
    outbox._add(entry);
    const timer = setTimeout(() => {
      if (mayBeProcessed) router._ping(); // the connection may be dead
      settle(new LiveError("timeout", mayBeProcessed ? "no reply" : "not sent"));
    }, timeoutMs);
    sends.set(settle, key);
    signal?.addEventListener("abort", abort);
  });
