interface Timer {
  readonly id: number;
  readonly due: number;
  readonly run: () => void;
}

const realImmediate = globalThis.setImmediate;
const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  queueMicrotask: globalThis.queueMicrotask,
  dateNow: Date.now,
  performanceNow: performance.now,
  random: Math.random,
};

/** Runs everything that is ready now. */
export const settle = (): Promise<void> => new Promise((resolve) => realImmediate(() => resolve()));

/**
 * Replaces the timers and clocks of the process. Time passes only in {@link pass}. Collects the errors that the client
 * reports as uncaught ones.
 */
export class FakeTime {
  /** Errors of the application that the client reported. */
  readonly reported: unknown[] = [];
  /** Time on the monotonic clock. */
  now = 1_000;
  /** Difference between the wall clock and the monotonic clock. */
  wallOffset = 1_700_000_000_000;
  private readonly timers = new Map<number, Timer>();
  private lastId = 0;

  constructor(public random: () => number = () => 0.5) {
    Object.assign(globalThis, {
      setTimeout: (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
        const id = ++this.lastId;
        // like in engines, a time that is too long or no number is none
        const delay = ms > 0 && ms < 2 ** 31 ? ms : 0;
        this.timers.set(id, { id, due: this.now + delay, run: () => run(...args) });
        return id;
      },
      clearTimeout: (id: number) => this.timers.delete(id),
      queueMicrotask: (run: () => void) =>
        real.queueMicrotask(() => {
          try {
            run();
          } catch (e) {
            this.reported.push(e);
          }
        }),
    });
    Date.now = () => this.wallOffset + this.now;
    performance.now = () => this.now;
    Math.random = () => this.random();
  }

  /** Number of timers that have not ended. */
  get pending(): number {
    return this.timers.size;
  }

  /** Runs the timers of the next `ms`, in order, and what they start. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    await settle();
    for (let next; (next = this.next()) && next.due <= end;) {
      this.now = Math.max(this.now, next.due);
      this.timers.delete(next.id);
      next.run();
      await settle();
    }
    this.now = end;
  }

  /** The machine sleeps: the clocks go on, and the timers end late. */
  async sleep(ms: number): Promise<void> {
    this.now += ms;
    await this.pass(0);
  }

  restore(): void {
    const { dateNow, performanceNow, random, ...globals } = real;
    Object.assign(globalThis, globals);
    Date.now = dateNow;
    performance.now = performanceNow;
    Math.random = random;
  }

  private next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.timers.values()) if (!first || timer.due < first.due) first = timer;
    return first;
  }
}
