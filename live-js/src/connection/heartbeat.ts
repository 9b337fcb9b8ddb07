const PROBE_MS = 2_000;
const LATE_MS = 1_000;

/** Checks whether a connection is alive. */
export interface Heartbeat {
  /** A message arrived. */
  _received(): void;
  /** Pings now, and ends the connection if nothing is received within two seconds. */
  _probe(): void;
  _stop(): void;
}

/**
 * Detects a dead connection: pings after silence, and calls `dead` if nothing arrives.
 *
 * Only timers end a connection, never the clock, which may jump. A timer that is late means that the machine slept or
 * the page was frozen, so messages may wait to be read: the connection then gets another ping and two seconds, once.
 */
export const startHeartbeat = (
  pingAfterMs: number,
  deadAfterMs: number,
  ping: () => void,
  dead: () => void,
): Heartbeat => {
  let received = 0;
  let lastAt = Date.now();
  let timer: ReturnType<typeof setTimeout>;

  /** Calls `then` after `ms` without a message. */
  const after = (ms: number, then: (isLate: boolean) => void): void => {
    const before = received;
    const due = Date.now() + ms;
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (received == before) then(Date.now() - due > LATE_MS);
      else awaitSilence();
    }, ms);
  };

  const awaitSilence = (): void => {
    const silence = Math.min(Math.max(Date.now() - lastAt, 0), pingAfterMs);
    after(pingAfterMs - silence, (isLate) => awaitMessage(isLate ? PROBE_MS : deadAfterMs - pingAfterMs));
  };

  const awaitMessage = (ms: number, isRepeated?: boolean): void => {
    ping();
    after(Math.max(ms, PROBE_MS), (isLate) => {
      if (isLate && !isRepeated) awaitMessage(0, true);
      else dead();
    });
  };

  awaitSilence();
  return {
    _received: () => {
      received++;
      lastAt = Date.now();
    },
    _probe: () => awaitMessage(0),
    _stop: () => clearTimeout(timer),
  };
};
