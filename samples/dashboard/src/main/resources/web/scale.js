/** Axis ticks and number formatting. */

/** Round numbers from 0 to at least `max`, about three steps apart. */
export function ticksUpTo(max) {
  const rough = Math.max(max, Number.MIN_VALUE) / 3;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= rough * 0.999);
  const ticks = [0];
  while (ticks.at(-1) < max * 0.999) ticks.push(Number((ticks.at(-1) + step).toPrecision(12)));
  return ticks;
}

/** Formats a number with significant digits only: 0.25, 4.2, 130. */
export function short(value) {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 1 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}
