import type { OutgoingMessage } from "../codec/message.js";
import type { Settings } from "../options.js";
import type { Payload } from "./request-sender.js";

/** An entry of the {@link Outbox}. */
export interface OutboxEntry {
  /** Called when the entry is written. Returns undefined if there is nothing to send any more. */
  _take(): OutgoingMessage | undefined;
  /** An application message; undefined for messages of the client itself. */
  _send?: OutgoingMessage;
}

/**
 * The queue of messages to write, kept across connections. Only application messages count against the bounds: of the
 * client's own messages there is at most one per topic.
 */
export interface Outbox {
  _hasRoom(payload: Payload): boolean;
  /** Adds an entry at the end, or before the first application message. */
  _add(entry: OutboxEntry, isBeforeSends?: boolean): void;
  /** Removes an entry that is not written yet. */
  _remove(entry: OutboxEntry): void;
  /** Drops the client's own messages. A new connection queues its own. */
  _dropControl(): void;
  /** Returns the next message to write, or undefined if the queue is empty. */
  _next(): OutgoingMessage | undefined;
  /** Called after an entry was added. */
  _onAdded?: () => void;
  /** Returns the entry that must be written before an application message to `topic`. */
  _prerequisite?: (topic: string | undefined) => OutboxEntry | undefined;
}

export const createOutbox = ({ outboxMessages, outboxBytes }: Settings): Outbox => {
  let queue: OutboxEntry[] = [];

  const outbox: Outbox = {
    _hasRoom(payload) {
      const sends = queue.filter(isSend);
      const bytes = sends.reduce((sum, entry) => sum + sizeOf(entry._send!), sizeOf(payload));
      return !sends.length || (sends.length < outboxMessages && bytes <= outboxBytes);
    },
    _add(entry, isBeforeSends) {
      const first = isBeforeSends ? queue.findIndex(isSend) : -1;
      queue.splice(first < 0 ? queue.length : first, 0, entry);
      outbox._onAdded?.();
    },
    _remove(entry) {
      queue = queue.filter((other) => other != entry);
    },
    _dropControl() {
      queue = queue.filter(isSend);
    },
    _next() {
      for (let head; (head = queue[0]);) {
        const before = head._send && outbox._prerequisite!(head._send.topic);
        if (!before) queue.shift();
        // _take may queue an entry before the head, so the next iteration reads the head again
        const message = (before || head)._take();
        if (message) return message;
      }
      return;
    },
  };
  return outbox;
};

const isSend = (entry: OutboxEntry): boolean => !!entry._send;

const sizeOf = ({ json, body }: Payload): number => (json ?? body ?? "").length;
