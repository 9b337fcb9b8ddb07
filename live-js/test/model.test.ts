/**
 * Bad networks at random: connections that break, hang, are refused or drained, messages that are delayed, a server
 * that rejects at random and loses its history, listeners that come and go. The model is a server with a log per topic.
 *
 * - There is never more than one connection, and no ref is used twice.
 * - A listener receives, between two gaps, exactly the messages of the log, in order, without loss or duplicates.
 * - A publish is in the log at most once; with a key exactly once if it was acknowledged.
 * - At the end, the server's subscriptions are the topics with listeners, and no timer is left after the close.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LiveError } from "../src/index.js";
import { FakeSocket } from "./support/fake-socket.js";
import { Fixture } from "./support/fixture.js";

const SEEDS = 100;
const STEPS = 500;
const TOPICS = ["a", "b", "c"];
const CODES = [1001, 1002, 1005, 1006, 1009, 1011, 1012, 1013, 4408, 4429, 4508];

/** A small generator with a seed (mulberry32). */
const randomOf = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

interface History {
  epoch: number;
  /** All payloads ever published; the offset of the first one is 1. Offsets continue in a new epoch. */
  log: number[];
  /** Offset of the oldest message that the history keeps. */
  oldest: number;
}

class Model {
  readonly histories = new Map<string, History>(TOPICS.map((name) => [name, { epoch: 1, log: [], oldest: 1 }]));
  readonly keys = new Set<string>();
  /** The subscriptions of the current connection. */
  subscribed = new Set<string>();
  readonly refs = new Set<string>();
  /** Payloads whose publish was acknowledged. */
  readonly acknowledged = new Map<number, string>();
  readonly listeners: Listener[] = [];
  readonly codes = new Set<string>();
  isHanging = false;
  isUnreachable = false;
  published = 0;
  gaps = 0;
  recovered = 0;

  constructor(
    readonly f: Fixture,
    public random: () => number,
  ) {
    FakeSocket.onCreated = (socket) => this.connecting(socket);
  }

  int(max: number): number {
    return Math.floor(this.random() * max);
  }

  private connecting(socket: FakeSocket): void {
    const open = FakeSocket.all.filter((other) => other.readyState < 2);
    assert.ok(open.length <= 1, "there is more than one connection");
    this.subscribed = new Set();
    this.isHanging = false;
    if (FakeSocket.all.length > 50) FakeSocket.all.splice(0, 25);
    setTimeout(() => {
      if (socket.readyState != 0) return;
      const fate = this.isUnreachable ? 0 : this.random();
      if (fate < 0.1) socket.cut();
      else if (fate > 0.1 && fate < 0.15)
        return; // no answer
      else {
        socket.onSent = (message) => this.later(socket, () => this.receive(socket, message));
        socket.open();
      }
    }, this.int(300));
  }

  /** In order, like a connection: each message after the one before. */
  private lastAt = 0;
  later(socket: FakeSocket, run: () => void): void {
    this.lastAt = Math.max(this.lastAt, this.f.time.now + this.int(40));
    setTimeout(() => socket.readyState == 1 && !this.isHanging && run(), this.lastAt - this.f.time.now);
  }

  push(socket: FakeSocket, message: object): void {
    const text = JSON.stringify(message);
    this.later(socket, () => socket.push(text));
  }

  private receive(socket: FakeSocket, { type, topic, ref, data }: any): void {
    if (type == "ping") return this.push(socket, { type: "pong", ref });
    if (type == "pong") return;
    assert.ok(ref && (ref[0] == "=" || !this.refs.has(ref)), `the ref ${ref} is used twice`);
    this.refs.add(ref);
    const fate = this.random();
    const history = this.histories.get(topic)!;
    if (fate < 0.04 || (type == "publish" && !this.subscribed.has(topic) && fate < 0.5)) {
      const [code, retryAfterMs] = [["rate_limited", this.int(500)], ["internal"], ["timeout"]][this.int(3)] as any;
      return this.push(socket, { type: "error", topic, ref, data: { code, reason: "", retryAfterMs } });
    }
    if (fate < 0.05 && type != "publish") return; // no reply
    if (type == "unsubscribe") this.subscribed.delete(topic);
    else if (type == "subscribe") return this.subscribe(socket, topic, ref, data?.since);
    else if (!(ref[0] == "=" && this.keys.has(ref))) {
      this.keys.add(ref);
      this.publish(socket, topic, history, data);
    }
    this.push(socket, { type: "ack", topic, ref });
  }

  private subscribe(socket: FakeSocket, topic: string, ref: string, since?: { epoch: string; offset: number }): void {
    const { epoch, log, oldest } = this.histories.get(topic)!;
    const recovered = since !== undefined && since.epoch == `${epoch}` && since.offset >= oldest - 1;
    this.subscribed.add(topic);
    this.push(socket, { type: "ack", topic, ref, data: { epoch: `${epoch}`, offset: log.length, recovered } });
    if (!recovered) return;
    for (let offset = since.offset + 1; offset <= log.length; offset++)
      this.push(socket, { type: "message", topic, data: log[offset - 1], offset });
  }

  publish(socket: FakeSocket | undefined, topic: string, history: History, value: number): void {
    history.log.push(value);
    if (history.log.length - history.oldest > 30) history.oldest = history.log.length - 20;
    if (socket && this.subscribed.has(topic))
      this.push(socket, { type: "message", topic, data: value, offset: history.log.length });
  }

  step(): Promise<void> {
    const { f } = this;
    const socket = f.socket as FakeSocket | undefined;
    const isOpen = socket?.readyState == 1;
    const topic = TOPICS[this.int(TOPICS.length)]!;
    const history = this.histories.get(topic)!;
    switch (this.int(24)) {
      case 0:
        if (isOpen) socket.cut(CODES[this.int(CODES.length)]);
        break;
      case 1:
        if (isOpen) {
          const min = this.int(5_000);
          socket.push({ type: "goodbye", data: { code: 1012, reason: "", reconnectInMs: [min, min + 1_000] } });
          socket.cut([1012, 1002, 1006][this.int(3)]);
        }
        break;
      case 2:
        this.isHanging ||= isOpen && this.random() < 0.3; // until the connection ends
        break;
      case 3:
        this.isUnreachable = this.random() < 0.3;
        break;
      case 4:
        history.epoch++; // the server has lost its history
        history.oldest = history.log.length + 1;
        break;
      case 5:
        if (isOpen && this.subscribed.has(topic) && !this.isHanging) {
          const { epoch, log } = history;
          this.push(socket, {
            type: "subscribe",
            topic,
            data: { epoch: `${epoch}`, offset: log.length, recovered: false },
          });
        }
        break;
      case 6:
        f.live.probe();
        break;
      case 7:
      case 8:
      case 9:
        if (this.listeners.length < 12) this.listeners.push(new Listener(this, topic));
        break;
      case 10:
      case 11:
        this.listeners.splice(this.int(this.listeners.length), 1)[0]?.stop();
        break;
      case 12:
      case 13:
      case 14:
      case 15: {
        const value = ++this.published;
        const key = this.random() < 0.5 ? `k${value}` : undefined;
        f.live
          .topic(topic)
          .publish(value, key ? { key } : {})
          .then(() => this.acknowledged.set(value, topic))
          .catch((e: LiveError) => this.codes.add(e.code));
        break;
      }
      case 16:
      case 17:
        this.publish(isOpen && !this.isHanging ? socket : undefined, topic, history, ++this.published);
        break;
      case 18:
        return f.pass(this.int(60_000));
      case 19:
        f.time.wallOffset += this.int(7_200_000) - 3_600_000;
        break;
      case 20:
        return f.time.sleep(this.int(100_000));
    }
    return f.pass(this.int(500));
  }

  check(): void {
    const values = TOPICS.flatMap((name) => this.histories.get(name)!.log);
    assert.equal(new Set(values).size, values.length, "a message was published twice");
    for (const [value, topic] of this.acknowledged)
      assert.ok(this.histories.get(topic)!.log.includes(value), `${value} was acknowledged but not published`);
  }
}

/** Compares what it receives with the log of its topic. */
class Listener {
  private next: number | undefined;
  readonly stop: () => void;

  constructor(model: Model, topic: string) {
    const history = model.histories.get(topic)!;
    this.stop = model.f.live.topic<number>(topic).subscribe({
      subscribed: (recovery) => {
        if (recovery == "recovered") model.recovered++;
        if (recovery == "gap") model.gaps++;
        if (recovery != "recovered") this.next = undefined; // any message may be the next one
      },
      message: (value, { offset }) => {
        assert.equal(value, history.log[offset! - 1]);
        if (this.next !== undefined) assert.equal(offset, this.next, `topic ${topic}: expected offset ${this.next}`);
        this.next = offset! + 1;
      },
      error: (e) => {
        model.codes.add(e.code);
        model.listeners.splice(model.listeners.indexOf(this), 1);
      },
    });
    Object.defineProperty(this, "topic", { value: topic });
  }

  declare readonly topic: string;
}

test(`${SEEDS * STEPS} steps of bad networks end with the server's messages or an honest gap`, async () => {
  const total = { gaps: 0, recovered: 0, acknowledged: 0, connections: 0 };
  const codes = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const f = new Fixture();
    const model = new Model(f, randomOf(seed));
    f.time.random = randomOf(-seed);
    let connections = 0;
    f.live.subscribe((state) => state.status == "connected" && connections++);
    try {
      for (let n = 0; n < STEPS && f.status != "closed"; n++) await model.step();
      assert.deepEqual(f.time.reported, []);
      assert.notEqual(f.status, "closed");
      model.isUnreachable = false;
      model.random = () => 0.999; // a good network
      (model as any).int = () => 0;
      await f.pass(120_000);
      for (const topic of TOPICS) model.publish(f.socket, topic, model.histories.get(topic)!, ++model.published);
      await f.pass(20_000);
      model.check();
      assert.deepEqual([...model.subscribed].sort(), [...new Set(model.listeners.map((one) => one.topic))].sort());
      for (const listener of model.listeners)
        assert.equal((listener as any).next, model.histories.get(listener.topic)!.log.length + 1);
      f.live.close();
      await f.pass(0);
      assert.deepEqual(f.time.reported, []);
    } catch (e) {
      throw new Error(`seed ${seed}: ${(e as Error).message}`, { cause: e });
    }
    total.gaps += model.gaps;
    total.recovered += model.recovered;
    total.acknowledged += model.acknowledged.size;
    total.connections += connections;
    model.codes.forEach((code) => codes.add(code));
    f.end();
  }

  // the scripts reach what they are for
  assert.ok(
    Object.values(total).every((count) => count > 1_000),
    JSON.stringify(total),
  );
  for (const code of ["timeout", "connection_lost", "rate_limited", "internal"]) assert.ok(codes.has(code), code);
});
