/**
 * Exponential backoff with full jitter: a random time between 0 and `min(maxMs, baseMs * growth ** attempt)`. The
 * jitter prevents many clients from reconnecting at the same time.
 */
export const exponentialBackoff =
  ({ baseMs = 250, maxMs = 30_000, growth = 1.35, maxAttempts = Infinity } = {}) =>
  (attempt: number): number | undefined =>
    attempt < maxAttempts ? Math.random() * Math.min(maxMs, baseMs * growth ** attempt) : undefined;

/** The same as `exponentialBackoff()`, without its options, which cost bytes in every page. */
export const defaultBackoff = (attempt: number): number | undefined =>
  Math.random() * Math.min(30_000, 250 * 1.35 ** attempt);
