import { report } from "../errors.js";
import type { Message } from "../codec/message.js";
import type { ClientTopic, ReceiveOptions } from "../client-topic.js";
import { createListenerCollector } from "../topic/collector.js";
import type { Router } from "../topic/router.js";

/** The sessions on a topic. Never changes: each update is a new object. */
export interface Presence<M> {
  /** The infos of each member's sessions, by presence key, in the order in which they joined. */
  readonly members: ReadonlyMap<string, readonly M[]>;
  /** Total number of sessions. */
  readonly count: number;
  /** False above the server's limit: then only `count` is known, and `members` is empty. */
  readonly isListed: boolean;
}

/** `presence` with the changes of `data`; the same if that is invalid, because an application may send its own. */
const presenceAfter = (presence: Presence<unknown> | undefined, data: any): Presence<unknown> | undefined => {
  try {
    if (data.count >= 0) return { members: new Map(), count: data.count, isListed: false };
    if (!(data.state ?? data.joins ?? data.leaves)) return presence;
    const members = new Map<string, unknown[]>(data.state ? Object.entries(data.state) : (presence?.members as any));
    for (const [key, left] of Object.entries<unknown[]>(data.leaves ?? {})) {
      const texts = left.map((info) => JSON.stringify(info));
      const rest = members.get(key)!.filter((info) => {
        const at = texts.indexOf(JSON.stringify(info));
        return at < 0 || !texts.splice(at, 1);
      });
      if (rest.length) members.set(key, rest);
      else members.delete(key);
    }
    for (const [key, joined] of Object.entries<unknown[]>(data.joins ?? {}))
      members.set(key, [...(members.get(key) ?? []), ...joined]);
    return { members, count: [...members.values()].flat().length, isListed: true };
  } catch {
    return presence;
  }
};

/** The presence of one topic, shared by its listeners. */
interface SharedPresence {
  _listeners: Set<(presence: Presence<any>) => void>;
  _latest: Presence<unknown> | undefined;
  _stop: () => void;
}

const shared = new WeakMap<Router, Map<string, SharedPresence>>();

/**
 * Calls `listener` with the sessions on `topic`, now if they are known and after each change, until `signal` is aborted
 * or the returned function is called. The server must declare presence for the topic.
 */
export const onPresence = <M = unknown>(
  topic: ClientTopic<any>,
  listener: (presence: Presence<M>) => void,
  { signal }: ReceiveOptions = {},
): (() => void) => {
  const { _router: router, name } = topic;
  const topics = shared.get(router) ?? new Map<string, SharedPresence>();
  shared.set(router, topics);
  const presence = topics.get(name) ?? startPresence(topic, () => topics.delete(name));
  topics.set(name, presence);
  const own = (latest: Presence<M>): void => listener(latest); // the same function may listen twice
  const stop = (): void => {
    signal?.removeEventListener("abort", stop);
    if (!presence._listeners.delete(own) || presence._listeners.size) return;
    presence._stop();
    topics.delete(name);
  };
  presence._listeners.add(own);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  else if (presence._latest) call(own, presence._latest as Presence<M>);
  return stop;
};

const startPresence = (topic: ClientTopic<any>, onEnd: () => void): SharedPresence => {
  const presence: SharedPresence = { _listeners: new Set(), _latest: undefined, _stop: () => {} };
  const collector = createListenerCollector<Message>(
    {
      message({ type, data }) {
        const next = type == "presence" ? presenceAfter(presence._latest, data) : undefined;
        if (!next || next == presence._latest) return;
        presence._latest = next;
        for (const listener of [...presence._listeners]) call(listener, next);
      },
      error(e) {
        onEnd();
        report(e);
      },
    },
    (value) => ({ value }),
  );
  collector._needsStart = true;
  presence._stop = topic._collect(collector);
  return presence;
};

const call = <M>(listener: (presence: Presence<M>) => void, presence: Presence<M>): void => {
  try {
    listener(presence);
  } catch (e) {
    report(e);
  }
};
