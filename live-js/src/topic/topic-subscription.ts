import type { Message } from "../codec/message.js";
import { LiveError, isTemporary } from "../errors.js";
import type { Collector, Recovery } from "./collector.js";
import type { OutboxEntry } from "./outbox.js";
import type { Subscriptions } from "./subscriptions.js";

/** The server's state, as far as the client knows. See "State machine of a client" in docs/protocol.md. */
const enum State {
  Idle,
  Subscribing,
  Subscribed,
  Unsubscribing,
  /** The client needs to start again, or does not know the server's state: the next message is an `unsubscribe`. */
  Unknown,
}

const PROBE_MS = 3_000;
const FIRST_RETRY_MS = 1_000;
const MAX_DOUBLINGS = 5;
/** Characters that no server rejects as too large: a position and short params. */
const MAX_SAFE_SIZE = 1_024;

/**
 * The state machine of one topic, shared by its collectors. At most one `subscribe` or `unsubscribe` is unanswered, so
 * a quick unsubscribe and subscribe cannot cross.
 */
export interface TopicSubscription extends OutboxEntry {
  /** Whether this is in the outbox. */
  _isQueued: boolean;
  /** Whether the server owes a reply to a `subscribe` or `unsubscribe`. */
  _isReplyPending(): boolean;
  /** Whether the next message, if any, is a `subscribe`. */
  _isSubscribe(): boolean;
  /** Whether there is nothing to send now. */
  _isSettled(): boolean;
  /** Whether neither a collector nor the server uses this. */
  _isUnused(): boolean;
  _add(collector: Collector): void;
  _remove(collector: Collector): void;
  /** Passes a message on. Returns true if there may be a message to send. */
  _deliver(message: Message): boolean;
  /** The server could not deliver some messages. The subscription continues after the position in `data`. */
  _continuedByServer(data: unknown): void;
  /** The server ended the subscription. */
  _unsubscribedByServer(failure: () => LiveError): void;
  /** The connection was lost. */
  _disconnected(wasTooLarge: boolean): void;
  /** Ends the collectors; with `isTemporary` only those that have never been subscribed. */
  _fail(failure: (() => LiveError) | undefined, isTemporary?: boolean): void;
}

export const createTopicSubscription = (topic: string, owner: Subscriptions): TopicSubscription => {
  const router = owner._router;
  const pending = router._pending;
  /** Copied on each change, because listeners may add and remove collectors during a delivery. */
  let collectors: readonly Collector[] = [];
  let state = State.Idle;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the timer holds the state: before a retry, or for a while after the last collector has gone. */
  let isHeld = false;
  let ref = "";
  let dataSize = 0;
  let history: { _epoch: string; _newest: number } | undefined;
  let welcome: unknown;
  let rejections = 0;

  const enter = (next: State): void => {
    setTimer();
    pending.delete(ref);
    state = next;
  };

  const setTimer = (run?: () => void, ms?: number): void => {
    clearTimeout(timer);
    isHeld = false;
    if (run) timer = setTimeout(run, ms);
  };

  const changed = (): void => owner._changed(topic, subscription);

  const hold = (ms: number): void => {
    setTimer(() => {
      isHeld = false;
      changed();
    }, ms);
    isHeld = true;
  };

  const drop = (dropped: readonly Collector[]): void => {
    collectors = collectors.filter((collector) => !dropped.includes(collector));
  };

  const forgetIfUnused = (): void => {
    if (!collectors.length) history = undefined;
  };

  const subscribeData = (): string | undefined => {
    const offset = Math.min(...collectors.map((collector) => collector._offset!));
    const since = history && { epoch: history._epoch, offset };
    const params = collectors.map((collector) => collector._params).findLast((value) => value !== undefined);
    return since || params !== undefined ? JSON.stringify({ since, params }) : undefined;
  };

  /** While nothing at all is received, the heartbeat decides about the connection. */
  const awaitReply = (ms: number): void => {
    const received = router._received;
    setTimer(() => {
      if (router._received == received) {
        router._ping();
        return awaitReply(PROBE_MS);
      }
      const isSubscribe = state == State.Subscribing;
      enter(isSubscribe ? State.Unknown : State.Idle);
      if (isSubscribe) subscription._fail(() => new LiveError("timeout"), true);
      changed();
    }, ms);
  };

  const replied = (reply: Message | LiveError): void => {
    const isSubscribe = state == State.Subscribing;
    if (reply instanceof LiveError) rejected(reply, isSubscribe);
    else {
      enter(isSubscribe ? State.Subscribed : State.Idle);
      if (isSubscribe) accepted(reply.data, (welcome = reply.data?.welcome));
    }
    changed();
  };

  const rejected = (error: LiveError, isSubscribe: boolean): void => {
    const { code, message, retryAfterMs } = error;
    const isRateLimited = code == "rate_limited";
    if (isRateLimited) owner._rejected(retryAfterMs);
    // the server did not process an unsubscribe that was rate limited
    enter(isSubscribe || !isRateLimited ? State.Idle : State.Unknown);
    if (isSubscribe) {
      // a new collector waits for a retry within the reply timeout instead of failing
      if (!isRateLimited || !(retryAfterMs! <= router._timeoutMs))
        subscription._fail(() => new LiveError(code, message, retryAfterMs), isTemporary(error));
      if (!collectors.length) return;
    } else if (!isRateLimited) return;
    const minMs = retryAfterMs ?? FIRST_RETRY_MS * 2 ** Math.min(rejections++, MAX_DOUBLINGS);
    hold(minMs * (1 + Math.random() / 2));
  };

  /** The server accepted the subscription. `data` has the position, on a topic with history. */
  const accepted = (data: any, newWelcome?: unknown): void => {
    const position = typeof data?.epoch == "string" && data.offset >= 0 ? data : undefined;
    const isRecovered = !!position?.recovered;
    rejections = 0;
    if (!isRecovered) {
      history = position && { _epoch: position.epoch, _newest: position.offset };
      for (const collector of collectors) collector._offset = position?.offset ?? 0;
    } else if (history) history._epoch = position.epoch; // it continues the known one with the same offsets
    for (const collector of collectors) report(collector, isRecovered ? "recovered" : "gap", newWelcome);
  };

  const report = (collector: Collector, recovery: Recovery, data: unknown): void => {
    const reported = collector._wasSubscribed ? recovery : "first";
    collector._wasSubscribed = true;
    if (collector._isFullFor("subscribed", reported, data)) overflow(collector, !!history);
  };

  const overflow = (collector: Collector, canRecover: boolean): void => {
    if (collector._overflow!(canRecover))
      enter(State.Unknown); // it is subscribed again when the buffer is empty
    else drop([collector]);
  };

  const subscription: TopicSubscription = {
    _isQueued: false,
    _isReplyPending: () => state == State.Subscribing || state == State.Unsubscribing,
    _isSubscribe: () => state == State.Idle,
    _isUnused: () => !collectors.length && state == State.Idle && !subscription._isQueued,
    _isSettled: () =>
      subscription._isReplyPending() ||
      isHeld ||
      (state == State.Idle
        ? !collectors.length || collectors.some((collector) => collector._isOverflowed)
        : state == State.Subscribed && collectors.length > 0),
    _add(collector) {
      if (state == State.Subscribed) {
        // the first collector after a while needs the current welcome data
        const isOutdated = isHeld && welcome !== undefined;
        enter(isOutdated || collector._needsStart ? State.Unknown : State.Subscribed);
      }
      collector._offset = history?._newest ?? 0;
      collectors = [...collectors, collector];
      if (state == State.Subscribed) report(collector, "first", welcome);
    },
    _remove(collector) {
      drop([collector]);
      if (collectors.length) return;
      if (isHeld) enter(state);
      if (state == State.Subscribed) hold(owner._lingerMs);
    },
    _take() {
      subscription._isQueued = false;
      if (subscription._isSettled()) {
        changed();
        return;
      }
      const isSubscribe = state == State.Idle;
      enter(isSubscribe ? State.Subscribing : State.Unsubscribing);
      const json = isSubscribe ? subscribeData() : undefined;
      if (!isSubscribe) forgetIfUnused(); // not earlier: a collector may still start and continue
      dataSize = json?.length ?? 0;
      ref = router._newRef();
      pending.set(ref, replied);
      awaitReply(router._timeoutMs);
      return { type: isSubscribe ? "subscribe" : "unsubscribe", topic, ref, json };
    },
    _deliver(message) {
      if (state != State.Subscribed) return false; // before the ack, or after the unsubscribe
      const offset = history && message.offset;
      if (offset && offset > history!._newest) history!._newest = offset;
      let isFull = false;
      for (const collector of collectors) {
        const before = collector._offset!;
        if (offset && offset <= before) continue; // each collector receives an offset once
        if (offset) collector._offset = offset; // before the listener runs: it may subscribe again from here
        if (!collector._isFullFor("message", message)) continue;
        collector._offset = before;
        isFull = true;
        overflow(collector, !!offset);
      }
      return isFull;
    },
    _continuedByServer(data) {
      if (state == State.Subscribed) accepted(data);
    },
    _unsubscribedByServer(failure) {
      if (state == State.Subscribing || state == State.Unknown) return; // it ends one that the server made itself
      enter(State.Idle);
      subscription._fail(failure);
    },
    _disconnected(wasTooLarge) {
      // a message that may have been too large is not sent again
      const isTooLarge = wasTooLarge && state == State.Subscribing && dataSize > MAX_SAFE_SIZE;
      subscription._isQueued = false;
      rejections = 0;
      enter(State.Idle);
      if (isTooLarge) subscription._fail(() => new LiveError("too_large"));
    },
    _fail(failure, isTemporary) {
      const failed = collectors.filter((collector) => !isTemporary || !collector._wasSubscribed);
      drop(failed);
      forgetIfUnused();
      for (const collector of failed) collector._end(failure?.());
    },
  };
  return subscription;
};
