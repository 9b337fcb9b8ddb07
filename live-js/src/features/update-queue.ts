import { LiveError, badPayload } from "../errors.js";
import type { Collector } from "../topic/collector.js";

const CAPACITY = 64;

/** An update before it is read, named as in a listener. */
export interface RawUpdate {
  _name: "message" | "subscribed";
  _value: any;
  _detail?: any;
}

/** When a buffer of 64 updates is full. */
export type Overflow = "recover" | "fail" | "drop-oldest";

/** A buffer of 64 updates between a topic and an iterator. */
export class UpdateQueue<T> implements Collector, AsyncIterableIterator<T, undefined> {
  declare _isOverflowed?: boolean;
  declare _remove: () => void;
  declare _onEmptied: () => void;
  private _buffer: RawUpdate[] = [];
  private _waiting: [(result: any) => void, (error: unknown) => void][] = [];
  private _ended: { _error?: unknown } | undefined;
  /** Whether a gap did not fit. A later recovery must still be reported as a gap. */
  private _hasPendingGap = false;

  /** @param _read returns the value of an update, or undefined to skip it. Called when the iterator takes it */
  constructor(
    private readonly _policy: Overflow,
    private readonly _names: string,
    private readonly _read: (update: RawUpdate) => { value: T } | undefined,
  ) {}

  _isFullFor(name: RawUpdate["_name"], value: unknown, detail?: unknown): boolean {
    const buffer = this._buffer;
    if (this._ended || !this._names.includes(name)) return false;
    if (name == "subscribed" && this._hasPendingGap) value = "gap";
    if (buffer.length >= CAPACITY) {
      if (this._policy != "drop-oldest") {
        this._hasPendingGap ||= value == "gap";
        return true;
      }
      buffer.splice(buffer[0]!._value == "gap" ? 1 : 0, 1); // no other update reports a gap
    }
    if (value == "gap") this._hasPendingGap = false;
    buffer.push({ _name: name, _value: value, _detail: detail });
    this._settle();
    return false;
  }

  _overflow(canRecover: boolean): boolean {
    if (canRecover && this._policy == "recover") return (this._isOverflowed = true);
    this._end(new LiveError("slow_collector", "an iterator is too slow: its buffer of 64 updates is full"));
    return false;
  }

  /** Ends the iteration after the buffered updates. */
  _end(error?: unknown): void {
    this._ended ??= { _error: error };
    this._settle();
  }

  private _settle(): void {
    while (this._waiting[0] && (this._buffer.length || this._ended)) {
      const update = this._buffer.shift();
      const error = this._ended?._error;
      if (this._isOverflowed && !this._buffer.length) {
        this._isOverflowed = false;
        this._onEmptied();
      }
      try {
        if (update) {
          const result = this._read(update);
          if (result) this._waiting.shift()![0]({ value: result.value, done: false });
        } else if (error) {
          this._ended = {}; // reported once
          throw error;
        } else this._waiting.shift()![0]({ value: undefined, done: true });
      } catch (e) {
        this._waiting.shift()![1](badPayload(e));
        if (update) void this.return();
      }
    }
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      this._waiting.push([resolve, reject]);
      this._settle();
    });
  }

  /** Ends the iteration now. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this._remove();
    return { done: true, value: undefined };
  }

  _stop(): void {
    this._buffer = [];
    this._end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
