/** The dashboard page: plots, connection, and recovery of missed data. */
import { ConnectionView } from "./shared/connection-view.js";
import { byId } from "./shared/dom.js";
import { LiveClient } from "./shared/live.js";
import { Plot } from "./plot.js";
import { Series } from "./series.js";

const TOPIC = "metrics";
const DRAW_MS = 250;
const RETRY_MS = 2_000;
const NOTE_MS = 8_000;

/** The metrics of the server, and how to plot them. */
const METRICS = {
  heap: { title: "Heap in use", unit: "MiB", minMax: 10 },
  cpu: { title: "CPU usage of the process", unit: "%", minMax: 10 },
  sessions: { title: "Sessions", unit: "", minMax: 3 },
  published: { title: "Published", unit: "messages/s", minMax: 10 },
  delivered: { title: "Delivered to pages", unit: "messages/s", minMax: 10 },
  merged: { title: "Conflated messages", unit: "messages/s", minMax: 10 },
};

const series = new Map(Object.keys(METRICS).map((metric) => [metric, new Series()]));
const plots = [...series].map(([metric, values]) => new Plot(values, METRICS[metric]));
const pause = byId("pause");
let newest = 0; // server time
let newestAt = 0; // local time of its arrival
let wasDisconnected = false;
let noteTimer;

byId("plots").append(...plots.map((plot) => plot.node));
const view = new ConnectionView({
  pill: byId("connection"),
  strip: byId("strip"),
  tryNow: () => live.connect(),
  ended: { 1000: "You disconnected." },
});
const live = new LiveClient(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`, {
  state: (state) => {
    view.draw(state);
    const isPaused = state.kind === "stopped";
    wasDisconnected ||= isPaused || state.kind === "waiting";
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? "Connect" : "Disconnect";
  },
  subscribed: async (_, recovery, missed) => {
    // The server replays missed values before new ones. Values are lost only if its history no longer has them.
    if (recovery === "recovered" && wasDisconnected) showNote(`Caught up: ${missed} missed values received.`);
    if (recovery !== "gap") return;
    for (const values of series.values()) values.lost(); // before load(): new values arrive during the request
    if ((await load()) !== null) showNote("Some data is lost: it is no longer in the history of the server.");
  },
  message: (_, { metric, at, value }) => arrived(metric, at, value),
});

pause.addEventListener("click", () => (live.state.kind === "stopped" ? live.connect() : live.stop()));
setInterval(draw, DRAW_MS);
start();

/** Loads the last minute, then subscribes at its position: no gap and no duplicates in between. */
async function start() {
  const position = await load();
  if (position === null) return setTimeout(start, RETRY_MS);
  live.subscribe(TOPIC, { since: position });
  live.connect();
}

/** Loads the last minute. Returns its history position, or null if the server cannot be reached. */
async function load() {
  try {
    const { position, samples } = await (await fetch("last-minute")).json();
    for (const [metric, values] of series) values.reload(samples.filter((sample) => sample.metric === metric));
    for (const { at } of samples.slice(-1)) noteTime(at);
    draw();
    return position;
  } catch {
    showNote("The last minute could not be loaded.");
    return null;
  }
}

function arrived(metric, at, value) {
  series.get(metric)?.add(at, value); // a newer server may send metrics without a plot
  noteTime(at);
}

function noteTime(at) {
  if (!(at > newest)) return;
  newest = at;
  newestAt = performance.now();
}

function draw() {
  // The time axis moves without new values. The clocks differ, so add the local elapsed time to the server time.
  if (newest > 0) for (const plot of plots) plot.draw(newest + performance.now() - newestAt);
}

function showNote(text) {
  clearTimeout(noteTimer);
  if (text !== "") noteTimer = setTimeout(() => showNote(""), NOTE_MS);
  byId("note").textContent = text;
  byId("note").hidden = text === "";
}
