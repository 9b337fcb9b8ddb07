/** Plots one metric: the line of the last minute, axes with units, gaps, and the value under the pointer. */
import { element } from "./shared/dom.js";
import { short, ticksUpTo } from "./scale.js";

const SHOWN_MS = 60_000;
const HEIGHT = 170;
const LEFT = 46; // space for the axis labels
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 24; // space for the time labels
const SVG = "http://www.w3.org/2000/svg";

export class Plot {
  #series;
  #unit;
  #minMax;
  #svg = shape("svg", { height: HEIGHT, role: "img" });
  #value = element("span", { class: "value" }, "–");
  #hover = null; // from 0 (oldest) to 1
  #now = 0;
  #title;

  /** @param minMax lower bound of the axis maximum, so that noise does not look large */
  constructor(series, { title, unit, minMax }) {
    this.#series = series;
    this.#title = title;
    this.#unit = unit;
    this.#minMax = minMax;
    const unitOf = unit === "" ? null : element("span", { class: "unit" }, unit);
    this.node = element(
      "section",
      { class: "plot", "aria-label": title },
      element("header", {}, element("h2", {}, title), element("p", {}, this.#value, " ", unitOf)),
      this.#svg,
    );
    this.#svg.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.#svg.addEventListener("pointerleave", () => this.#point(null));
    new ResizeObserver(() => this.draw(this.#now)).observe(this.#svg);
  }

  /** @param now the time at the right edge */
  draw(now) {
    this.#now = now;
    const width = this.#svg.clientWidth;
    if (width === 0) return;
    const series = this.#series;
    const shown = series.points.filter(({ at }) => at >= now - SHOWN_MS);
    const ticks = ticksUpTo(Math.max(this.#minMax, ...shown.map(({ value }) => value)));
    const x = (at) => LEFT + ((at - now + SHOWN_MS) / SHOWN_MS) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (1 - value / ticks.at(-1)) * (HEIGHT - TOP - BOTTOM);
    const clip = { x: LEFT, y: 0, width: width - LEFT - RIGHT, height: HEIGHT };

    this.#svg.setAttribute("aria-label", description(this.#title, this.#unit, shown));
    this.#value.textContent = series.last ? short(series.last.value) : "–";
    this.#svg.replaceChildren(
      ...ticks.flatMap((tick) => [
        shape("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
        label({ x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, short(tick)),
      ]),
      ...[60, 40, 20, 0].map((ago) =>
        label(
          { x: x(now - ago * 1000), y: HEIGHT - 6, "text-anchor": ago === 0 ? "end" : ago === 60 ? "start" : "middle" },
          ago === 0 ? "now" : ago === 60 ? "60 s ago" : `${ago} s`,
        ),
      ),
      nested(clip, [
        ...series.gaps.map(({ from, to }) => hole(x(from) - LEFT, x(to) - LEFT)),
        ...series.segments().flatMap((run) =>
          line(
            run.map(({ at, value }) => [x(at) - LEFT, y(value)]),
            y(0),
          ),
        ),
      ]),
      ...this.#pointed(x, y, width),
    );
  }

  #point(offsetX) {
    const width = this.#svg.clientWidth;
    this.#hover = offsetX === null ? null : Math.min(1, Math.max(0, (offsetX - LEFT) / (width - LEFT - RIGHT)));
    this.draw(this.#now);
  }

  /** Draws the value under the pointer. */
  #pointed(x, y, width) {
    if (this.#hover === null) return [];
    const at = this.#now - (1 - this.#hover) * SHOWN_MS;
    const isLost = this.#series.gaps.some(({ from, to }) => at > from && at < to);
    const point = this.#series.nearest(at);
    if (point === null || isLost || point.at < this.#now - SHOWN_MS) return [];
    const [px, py] = [x(point.at), y(point.value)];
    const isRight = px > width - 120;
    const ago = Math.round((this.#now - point.at) / 100) / 10;
    return [
      shape("line", { class: "cross", x1: px, x2: px, y1: TOP, y2: HEIGHT - BOTTOM }),
      shape("circle", { class: "dot-at", cx: px, cy: py, r: 4 }),
      label(
        { class: "hover", x: px + (isRight ? -8 : 8), y: TOP + 10, "text-anchor": isRight ? "end" : "start" },
        `${short(point.value)} ${this.#unit} · ${ago.toFixed(1)} s ago`,
      ),
    ];
  }
}

function line(points, bottom) {
  const path = points.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L");
  const [first, last] = [points[0][0], points.at(-1)[0]].map((px) => px.toFixed(1));
  return [
    shape("path", { class: "area", d: `M${first} ${bottom}L${path}L${last} ${bottom}Z` }),
    shape("path", { class: "line", d: `M${path}` }),
  ];
}

function hole(from, to) {
  const rect = shape("rect", {
    class: "gap",
    x: from,
    y: TOP,
    width: Math.max(2, to - from),
    height: HEIGHT - TOP - BOTTOM,
  });
  rect.append(shape("title", {}, "lost data"));
  return rect;
}

/** A nested SVG that clips at the edges of the plot. */
function nested(place, children) {
  const svg = shape("svg", place);
  svg.append(...children);
  return svg;
}

function label(attributes, text) {
  return shape("text", attributes, text);
}

function shape(name, attributes, text = "") {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== "") node.textContent = text;
  return node;
}

/** A text alternative of the plot. */
function description(title, unit, points) {
  if (points.length === 0) return `${title}: no data`;
  const values = points.map(({ value }) => value);
  const [latest, min, max] = [values.at(-1), Math.min(...values), Math.max(...values)].map(short);
  return `${title}: ${latest} ${unit}, between ${min} and ${max} in the last minute`;
}
