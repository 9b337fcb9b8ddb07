import type { ClientTopic, ReceiveOptions } from "../client-topic.js";
import type { Recovery } from "../topic/collector.js";
import { type Overflow, type RawUpdate, UpdateQueue } from "./update-queue.js";

/** An update of a topic: a message, or a report that the server accepted the subscription. */
export type TopicUpdate<T> =
  | { type: "message"; value: T; offset?: number | undefined }
  | { type: "subscribed"; recovery: Recovery; welcome: unknown };

/** Options of {@link messages} and {@link updates}. */
export interface IterateOptions extends ReceiveOptions {
  /**
   * When the buffer of 64 updates is full: `recover` (default) pauses the topic and recovers from its history, or fails
   * with `slow_collector` if it keeps none; `fail` always fails; `drop-oldest` drops.
   */
  overflow?: Overflow;
}

/**
 * The payloads of the messages of `topic`, in order. Subscribes when the iteration begins. It ends when `signal` is
 * aborted or the client is closed by the application, and throws a `LiveError` if the subscription fails.
 */
export const messages = <T>(topic: ClientTopic<T>, options?: IterateOptions): AsyncIterable<T> =>
  iterate(topic, "message", (update) => topic._read(update._value), options);

/** The same as {@link messages}, with the reports whether messages may be missing. */
export const updates = <T>(topic: ClientTopic<T>, options?: IterateOptions): AsyncIterable<TopicUpdate<T>> =>
  iterate<TopicUpdate<T>>(
    topic,
    "message subscribed",
    ({ _name: type, _value: value, _detail: welcome }) => {
      if (type == "subscribed") return { value: { type, recovery: value, welcome } };
      const message = topic._read(value);
      return message && { value: { type: "message", value: message.value, offset: value.offset } };
    },
    options,
  );

const iterate = <U>(
  topic: ClientTopic<any>,
  names: string,
  read: (update: RawUpdate) => { value: U } | undefined,
  { overflow = "recover", ...options }: IterateOptions = {},
): AsyncIterable<U> => ({
  [Symbol.asyncIterator]: () => {
    const queue = new UpdateQueue<U>(overflow, names, read);
    topic._collect(queue, options);
    return queue;
  },
});
