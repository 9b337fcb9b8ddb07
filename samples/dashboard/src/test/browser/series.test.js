import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { Series } = await webModule("series.js");
const { short, ticksUpTo } = await webModule("scale.js");

test("values are ordered and unique", () => {
  const series = of(1_000, 1_100, 1_100, 1_050, 1_200);

  assert.deepEqual(times(series.points), [1_000, 1_100, 1_200]);
});

test("values that are not numbers are ignored", () => {
  const series = of(1_000);

  for (const [at, value] of [
    [NaN, 1],
    ["2000", 1],
    [2_000, null],
    [2_000, NaN],
    [2_000, "1"],
  ])
    series.add(at, value);

  assert.deepEqual(times(series.points), [1_000]);
});

test("it keeps a little more than one minute of values and gaps", () => {
  const series = of(1_000);
  series.lost();
  series.reload(points(10_000));
  assert.deepEqual(series.gaps, [{ from: 1_000, to: 10_000 }]);

  series.add(60_000, 1);
  series.add(76_000, 1);

  assert.deepEqual(times(series.points), [60_000, 76_000]);
  assert.deepEqual(series.gaps, []);
});

test("reloading after a gap fills it, or marks the lost part", () => {
  const closed = of(1_000, 1_100);
  closed.lost();
  closed.reload(points(1_000, 1_100, 1_200, 1_300));
  const open = of(1_000, 1_100);
  open.lost();
  open.reload(points(5_000, 5_100));

  assert.deepEqual(times(closed.points), [1_000, 1_100, 1_200, 1_300]);
  assert.deepEqual(closed.gaps, []);
  assert.deepEqual(open.gaps, [{ from: 1_100, to: 5_000 }]);
  assert.deepEqual(open.segments().map(times), [
    [1_000, 1_100],
    [5_000, 5_100],
  ]);
});

test("new values during the reload neither hide nor fill a gap", () => {
  const hidden = of(1_000);
  hidden.lost();
  hidden.add(9_000, 1);
  assert.deepEqual(hidden.gaps, [{ from: 1_000, to: 9_000 }]);

  hidden.reload(points(5_000, 7_000, 9_000));
  hidden.add(9_500, 1);

  assert.deepEqual(hidden.gaps, [{ from: 1_000, to: 5_000 }]);
  assert.deepEqual(times(hidden.points), [1_000, 5_000, 7_000, 9_000, 9_500]);
});

test("the first load and a reload without new values add no gap", () => {
  const series = new Series();
  series.reload(points(9_000, 9_100));
  series.reload(points(9_000, 9_100));
  series.reload([]);

  assert.deepEqual(series.gaps, []);
  assert.deepEqual(series.segments().map(times), [[9_000, 9_100]]);
});

test("nearest returns the closest value", () => {
  const series = of(1_000, 2_000, 3_000);

  assert.deepEqual(
    [0, 1_400, 1_600, 9_000].map((at) => series.nearest(at).at),
    [1_000, 1_000, 2_000, 3_000],
  );
  assert.equal(new Series().nearest(5), null);
});

test("axis ticks have three or four round steps and reach the maximum", () => {
  for (const [max, ticks] of [
    [10, [0, 5, 10]],
    [3, [0, 1, 2, 3]],
    [64, [0, 25, 50, 75]],
    [0.7, [0, 0.25, 0.5, 0.75]],
    [1200, [0, 500, 1000, 1500]],
  ]) {
    assert.deepEqual(ticksUpTo(max), ticks);
  }
  for (let max = 0.01; max < 1e6; max *= 1.37) {
    const ticks = ticksUpTo(max);
    assert.ok(ticks.at(-1) >= max * 0.999 && ticks.length >= 3 && ticks.length <= 5, `${max}: ${ticks}`);
  }
});

test("numbers are formatted with significant digits", () => {
  assert.deepEqual([0, 0.254, 4.21, 12, 130.6, 12_345].map(short), ["0", "0.25", "4.2", "12", "131", "12,345"]);
});

function of(...at) {
  const series = new Series();
  for (const time of at) series.add(time, 1);
  return series;
}

function points(...at) {
  return at.map((time) => ({ at: time, value: 1 }));
}

function times(points) {
  return points.map(({ at }) => at);
}
