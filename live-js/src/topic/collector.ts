import type { Message } from "../codec/message.js";
import { type LiveError, badPayload, report } from "../errors.js";

/**
 * Completeness of the messages at the time of a subscribe:
 *
 * - `first`: the messages published from now on follow
 * - `recovered`: all messages since the last one received follow, without loss or duplicates
 * - `gap`: messages may be missing. Reload the state
 */
export type Recovery = "first" | "recovered" | "gap";

/** Listeners of a topic. An error that one of them throws is reported, and stops nothing else. */
export interface TopicListener<T> {
  /** A message arrived. */
  message?(value: T, message: Message): void;
  /** The server accepted the subscription, at first or after a reconnect. `welcome` is the topic's data for this. */
  subscribed?(recovery: Recovery, welcome: unknown): void;
  /** The subscription has failed. Nothing follows. Without this function the error is reported. */
  error?(error: LiveError): void;
}

/** Receives the updates of one topic for one listener or iterator. */
export interface Collector {
  /** The newest offset that the collector received, if the topic keeps a history. */
  _offset?: number;
  /** Whether a message did not fit, and the iterator has not emptied the buffer since. */
  _isOverflowed?: boolean;
  _wasSubscribed?: boolean;
  /** The subscribe parameters of the collector's topic. */
  _params?: unknown;
  /** Whether the collector needs what the server sends after the ack. */
  _needsStart?: boolean;
  /** Removes the collector from its topic. */
  _remove?: () => void;
  /** Called when the iterator has taken all updates after an overflow, so that the topic can be subscribed again. */
  _onEmptied?: () => void;
  /** An update did not fit. Returns whether the topic should recover it. */
  _overflow?(canRecover: boolean): boolean;
  /** Adds an update, named as in {@link TopicListener}. Returns true if it does not fit. */
  _isFullFor(name: "message" | "subscribed", value: any, detail?: any): boolean | undefined;
  /** The application no longer wants updates. */
  _stop(): void;
  /** The subscription has failed with `error`, or the application closed the client. */
  _end(error?: LiveError): void;
}

/**
 * Passes updates to a listener.
 *
 * @param read returns the value of a message, or undefined to skip it
 */
export const createListenerCollector = <T>(
  listener: TopicListener<T>,
  read: (message: Message) => { value: T } | undefined,
): Collector => {
  let hasEnded = false;

  const call = (name: keyof typeof listener, value: any, detail?: any): void => {
    try {
      listener[name]?.(value as never, detail as never);
    } catch (e) {
      report(e);
    }
  };

  const collector: Collector = {
    _isFullFor(name, value, detail) {
      if (hasEnded) return;
      if (name == "message") {
        try {
          const result = read(value);
          if (result) call(name, result.value, value);
        } catch (e) {
          collector._end(badPayload(e));
          collector._remove!();
        }
      } else call(name, value, detail);
      return;
    },
    _stop() {
      hasEnded = true;
    },
    _end(error) {
      if (error && !hasEnded) {
        if (listener.error) call("error", error);
        else report(error);
      }
      hasEnded = true;
    },
  };
  return collector;
};
