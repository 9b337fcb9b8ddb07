import type { Message } from "../codec/message.js";
import { LiveError } from "../errors.js";
import type { Collector } from "./collector.js";
import type { Router } from "./router.js";
import { type TopicSubscription, createTopicSubscription } from "./topic-subscription.js";

const WINDOW = 64;
const INITIAL_GAP_MS = 100;
const MAX_GAP_MS = 5_000;

/**
 * The subscriptions of a client, by topic, and the rate of their messages: at most 64 are unanswered, the others wait.
 * After `rate_limited` the client sends one at a time, with a gap, until none waits.
 */
export interface Subscriptions {
  readonly _router: Router;
  readonly _lingerMs: number;
  /** Adds a collector, and returns the function that removes it. */
  _add(topic: string, collector: Collector): () => void;
  /** Passes on a message that is no reply. Returns false if its topic has no subscription. */
  _deliver(message: Message): boolean;
  /** Called after each event of `subscription`. */
  _changed(topic: string, subscription: TopicSubscription): void;
  /** Called after an event that concerns all subscriptions. */
  _changedAll(): void;
  _disconnected(code: number | undefined): void;
  _close(failure: (() => LiveError) | undefined): void;
  /** The server rejected a message with `rate_limited`. */
  _rejected(retryAfterMs?: number): void;
}

export const createSubscriptions = (router: Router, lingerMs: number): Subscriptions => {
  const outbox = router._outbox;
  const topics = new Map<string, TopicSubscription>();
  /** The subscriptions with a message to send, in order. */
  const waiting = new Set<TopicSubscription>();
  let gapMs = 0;
  let pause: ReturnType<typeof setTimeout> | undefined;
  /** Whether the pause follows a rejection. Further rejections during the pause count as the same one. */
  let isRejected = false;

  const startPause = (): void => {
    clearTimeout(pause);
    pause = setTimeout(() => {
      pause = undefined;
      isRejected = false;
      if (!waiting.size) gapMs = 0;
      release();
    }, gapMs);
  };

  /** Subscribes go before the application's messages, unsubscribes to the end. */
  const release = (): void => {
    for (const next of waiting) {
      const inFlight = [...topics.values()].filter((one) => one._isQueued || one._isReplyPending()).length;
      if (pause || inFlight >= (gapMs ? 1 : WINDOW)) return;
      waiting.delete(next);
      next._isQueued = true;
      if (gapMs) startPause();
      outbox._add(next, next._isSubscribe());
    }
  };

  // a message to a topic follows the topic's subscribe, even if that waits; an unsubscribe stays queued
  outbox._prerequisite = (topic) => {
    const subscription = topics.get(topic!);
    return subscription?._isSubscribe() && waiting.delete(subscription) ? subscription : undefined;
  };

  const subscriptions: Subscriptions = {
    _router: router,
    _lingerMs: lingerMs,
    _add(topic, collector) {
      const closed = router._closed;
      if (closed) {
        collector._end(router._hasFailed ? closed() : undefined);
        return () => {};
      }
      const subscription = topics.get(topic) ?? createTopicSubscription(topic, subscriptions);
      const changed = (collector._onEmptied = () => subscriptions._changed(topic, subscription));
      topics.set(topic, subscription);
      subscription._add(collector);
      changed();
      return () => {
        subscription._remove(collector);
        changed();
      };
    },
    _deliver(message) {
      const { type, topic, data } = message;
      const subscription = topics.get(topic!);
      if (!subscription) return false;
      if (type == "unsubscribe")
        subscription._unsubscribedByServer(() => new LiveError("not_subscribed", data?.reason));
      else if (type == "subscribe") subscription._continuedByServer(data);
      else if (!subscription._deliver(message)) return true;
      subscriptions._changed(topic!, subscription);
      return true;
    },
    _changed(topic, subscription) {
      if (subscription._isSettled()) waiting.delete(subscription);
      else if (router._connection && !subscription._isQueued) waiting.add(subscription);
      if (subscription._isUnused() && topics.get(topic) == subscription) topics.delete(topic);
      release();
    },
    _changedAll() {
      for (const [topic, subscription] of [...topics]) subscriptions._changed(topic, subscription);
    },
    _disconnected(code) {
      waiting.clear();
      clearTimeout(pause);
      pause = undefined;
      isRejected = false;
      gapMs = code == 4429 ? INITIAL_GAP_MS : 0;
      for (const subscription of [...topics.values()]) subscription._disconnected(code == 1009);
      subscriptions._changedAll();
    },
    _close(failure) {
      for (const subscription of [...topics.values()]) subscription._fail(failure);
      topics.clear();
    },
    _rejected(retryAfterMs = INITIAL_GAP_MS) {
      // the gap doubles with each rejection
      if (!isRejected) gapMs = Math.min(Math.max(gapMs * 2, Math.min(retryAfterMs, INITIAL_GAP_MS)), MAX_GAP_MS);
      isRejected = true;
      startPause();
    },
  };
  return subscriptions;
};
