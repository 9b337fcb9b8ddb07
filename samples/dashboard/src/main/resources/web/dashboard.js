/** Brings it together: what is plotted, the connection, and what to do when data is lost. */
import { ConnectionView } from "./shared/connection-view.js";
import { byId } from "./shared/dom.js";
import { LiveClient } from "./shared/live.js";
import { Plot } from "./plot.js";
import { Series } from "./series.js";

const TOPIC = "metrics";
const DRAW_MS = 250;
const RETRY_MS = 2_000;
const NOTED_MS = 8_000;

/** What the server measures, and how it is shown. */
const METRICS = {
  heap: { title: "Heap in use", unit: "MiB", least: 10 },
  cpu: { title: "CPU of this process", unit: "%", least: 10 },
  sessions: { title: "Sessions", unit: "", least: 3 },
  published: { title: "Published", unit: "messages/s", least: 10 },
  delivered: { title: "Delivered to pages", unit: "messages/s", least: 10 },
  merged: { title: "Merged on the way", unit: "messages/s", least: 10 },
};

const series = new Map(Object.keys(METRICS).map((metric) => [metric, new Series()]));
const plots = [...series].map(([metric, values]) => new Plot(values, METRICS[metric]));
const pause = byId("pause");
let newest = 0; // in the server's time
let newestAt = 0; // and when that came, in ours
let wasAway = false;
let noteTimer;

byId("plots").append(...plots.map((plot) => plot.node));
const view = new ConnectionView({
  pill: byId("connection"),
  strip: byId("strip"),
  tryNow: () => live.connect(),
  ended: { 1000: "You have disconnected." },
});
const live = new LiveClient(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`, {
  state: (state) => {
    view.draw(state);
    const isPaused = state.kind === "stopped";
    wasAway ||= isPaused || state.kind === "waiting";
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? "Connect" : "Disconnect";
  },
  joined: async (_, recovery, missed) => {
    // What was missed comes by itself, in front of what is new. Only if the server no longer has it, something is lost.
    if (recovery === "recovered" && wasAway) say(`Caught up: ${missed} values that this page has missed are there.`);
    if (recovery !== "gap") return;
    for (const values of series.values()) values.lost(); // at once: new values come while the others are loaded
    if ((await load()) !== null) say("Some data is lost: the server no longer has it.");
  },
  message: (_, { metric, at, value }) => arrived(metric, at, value),
});

pause.addEventListener("click", () => (live.state.kind === "stopped" ? live.connect() : live.stop()));
setInterval(draw, DRAW_MS);
start();

/** First what there is, then what comes after it: nothing is missing between them, and nothing comes twice. */
async function start() {
  const position = await load();
  if (position === null) return setTimeout(start, RETRY_MS);
  live.subscribe(TOPIC, { since: position });
  live.connect();
}

/** Loads the last minute; its place in the topic's history, or null if the server cannot be reached. */
async function load() {
  try {
    const { position, samples } = await (await fetch("last-minute")).json();
    for (const [metric, values] of series) values.reload(samples.filter((sample) => sample.metric === metric));
    for (const { at } of samples.slice(-1)) noteTime(at);
    draw();
    return position;
  } catch {
    say("The last minute could not be loaded.");
    return null;
  }
}

function arrived(metric, at, value) {
  series.get(metric)?.add(at, value); // a metric of a later version has no plot
  noteTime(at);
}

function noteTime(at) {
  if (!(at > newest)) return;
  newest = at;
  newestAt = performance.now();
}

function draw() {
  // Time goes on though nothing comes: the clocks of two machines do not agree, so it is the server's and our pace.
  if (newest > 0) for (const plot of plots) plot.draw(newest + performance.now() - newestAt);
}

function say(text) {
  clearTimeout(noteTimer);
  if (text !== "") noteTimer = setTimeout(() => say(""), NOTED_MS);
  byId("note").textContent = text;
  byId("note").hidden = text === "";
}
