"use strict";
/* Text comes into the page as text alone: names of topics and users are what strangers made them. */

// The page works below any path, with a slash at its end and without one.
const API = location.pathname.replace(/\/$/, "") + "/api/";
const EVERY_MS = 1500;
const KEPT_POINTS = 400; // ten minutes

const CLOSES = {
  1000: "normal", 1001: "going away", 1006: "connection broke", 1009: "message too large", 1011: "internal error",
  1012: "server restarts", 1013: "try again later", 4400: "protocol violated", 4401: "not authenticated", 4403: "kicked",
  4408: "nothing heard", 4429: "too many messages", 4508: "too slow", other: "other",
};
const WORRYING = new Set(["1011", "4400", "4408", "4429", "4508"]);
const LOSSES = {
  close: "waited for clients that were closed for being slow",
  conflate: "replaced by newer ones",
  dropOldest: "made way for newer ones",
};

const byId = (id) => document.getElementById(id);

function make(tag, { text, ...properties } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

// How things are written

function count(number) {
  if (number < 10_000) return String(Math.round(number));
  const units = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [size, unit] = units.find(([size]) => number >= size);
  return (number / size).toFixed(number < 100 * size ? 1 : 0) + " " + unit;
}

function bytes(number) {
  if (number < 1024) return `${Math.round(number)} B`;
  const exponent = Math.min(4, Math.floor(Math.log2(number) / 10));
  return `${(number / 1024 ** exponent).toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB"][exponent]}`;
}

function duration(ms) {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.floor(ms / 1000);
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return s < 172_800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86_400)} d`;
}

const rate = (number) => (number > 0 && number < 10 ? number.toFixed(1) : count(number)) + "/s";

// What is looked at

const tables = {
  sessions: { sort: "queue", order: "desc", offset: 0, limit: 20, filter: "", topic: "" },
  topics: { sort: "subscribers", order: "desc", offset: 0, limit: 20, filter: "" },
};
let before = null; // the overview of the poll before this one
let now = null;
let first = null; // the overview when the page was opened, or the server began anew
const points = [];
/** Of each topic that loses messages, what it had lost at the last poll. */
let lostBefore = new Map();

async function fetchJson(path, options) {
  const answer = await fetch(API + path, { cache: "no-store", credentials: "same-origin", ...options });
  const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
  const body = isJson ? await answer.json() : null;
  if (!answer.ok) throw new Error(body?.error?.message ?? `the server answered ${answer.status}`);
  if (!body) throw new Error("the server answered with something else: are you still signed in?");
  return body;
}

const post = (path, body) =>
  fetchJson(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

function query(table) {
  const { topic, ...rest } = table;
  return new URLSearchParams(topic ? { ...rest, topic } : rest);
}

// One poll at a time, and none while nobody looks

let timer = 0;
let isPolling = false;

async function poll() {
  clearTimeout(timer);
  if (isPolling || document.hidden) return;
  isPolling = true;
  try {
    const [overview, sessions, topics] = await Promise.all([
      fetchJson("overview"),
      fetchJson(`sessions?${query(tables.sessions)}`),
      fetchJson(`topics?${query(tables.topics)}`),
    ]);
    before = now;
    now = overview;
    // a server that began anew counts from zero
    if (before && (now.atMs <= before.atMs || now.deliveries < before.deliveries)) before = null;
    if (!before) first = now;
    show(overview);
    showSessions(sessions);
    showTopics(topics);
    state("");
  } catch (failure) {
    state(`not up to date: ${failure.message}`);
  } finally {
    isPolling = false;
    timer = setTimeout(poll, EVERY_MS);
  }
}

function state(problem) {
  byId("state").className = problem ? "bad" : "";
  byId("state").textContent = problem || `up to date at ${new Date().toLocaleTimeString()}`;
}

document.addEventListener("visibilitychange", poll);

function perSecond(pick) {
  return before ? Math.max(0, ((pick(now) - pick(before)) * 1000) / (now.atMs - before.atMs)) : 0;
}

// The overview

function show(overview) {
  const { queues } = overview;
  const total = (name, value, detail, mood = "") =>
    make("div", {}, make("dt", { text: name }), make("dd", { text: value, className: mood }, " ", make("small", { text: detail })));
  byId("totals").replaceChildren(
    total("Sessions", count(overview.sessions), `${count(overview.connections)} connections`),
    total("Topics", count(overview.topics), ""),
    total("In", rate(perSecond((it) => it.messagesIn)), `${bytes(perSecond((it) => it.bytesIn))}/s`),
    total("Published", rate(perSecond((it) => it.published)), `${count(overview.published)} in all`),
    total("Out", rate(perSecond((it) => it.messagesOut)), `${bytes(perSecond((it) => it.bytesOut))}/s`),
    total("Waiting for clients", bytes(queues.bytes), `${count(queues.messages)} for ${count(queues.sessions)} sessions`),
    total("Slow clients", count(queues.slow), `of ${count(overview.sessions)}`, queues.slow ? "bad" : ""),
  );
  showSlow(overview);
  showLosses(overview);
  showCloses(overview);
  byId("attention").className = queues.slow || lossRates().length ? "alarmed" : "";
  plot(perSecond((it) => it.deliveries));
}

function nothing(text) {
  return make("li", { text, className: "good" });
}

function mood(row) {
  return row.queue.fill >= 0.75 || row.writingMs >= now.bounds.writeTimeoutMs / 2 ? "bad" : row.queue.fill >= 0.25 || row.writingMs >= 1000 ? "warn" : "";
}

function meter(fill, className) {
  const inner = make("i", { className });
  inner.style.width = `${Math.min(100, fill * 100)}%`;
  return make("span", { className: "meter" }, inner);
}

function waits(row) {
  const { messages, bytes: size, fill } = row.queue;
  return messages ? `${Math.round(fill * 100)} %, ${count(messages)} messages, ${bytes(size)}` : "empty";
}

function showSlow({ slowest, queues }) {
  byId("slow-title").textContent = queues.slow > slowest.length ? `Slow clients: ${slowest.length} worst of ${count(queues.slow)}` : "Slow clients";
  byId("slow").replaceChildren(
    ...(slowest.length ? slowest.map((row) => {
      const stuck = row.writingMs >= 1000 ? `, stuck for ${duration(row.writingMs)}` : "";
      return make("li", { className: "slow", title: `session ${row.id}` },
        make("span", { text: row.user ?? `session ${row.id.slice(0, 8)}`, className: `name strong ${mood(row)}` }),
        meter(row.queue.fill, mood(row)),
        make("span", { text: `${Math.round(row.queue.fill * 100)} % full${stuck}` }));
    }) : [nothing("none: every client keeps up")]),
  );
}

function lossRates() {
  return Object.keys(now.drops)
    .map((policy) => ({ policy, total: now.drops[policy], now: perSecond((it) => it.drops[policy] ?? 0) }))
    .filter((loss) => loss.now > 0);
}

function showLosses({ drops, losing }) {
  const items = Object.entries(drops)
    .map(([policy, total]) => ({ policy, total, now: perSecond((it) => it.drops[policy] ?? 0) }))
    .sort((a, b) => b.now - a.now || b.total - a.total)
    .map((loss) => make("li", {},
      make("span", { text: rate(loss.now), className: `strong ${loss.now ? (loss.policy === "close" ? "bad" : "warn") : "quiet"}` }),
      ` ${LOSSES[loss.policy] ?? loss.policy}`,
      make("span", { text: ` (${count(loss.total)} in all)`, className: "quiet" })));
  const topics = losing.map((topic) => {
    const lost = topic.conflated + topic.dropped;
    const known = lostBefore.get(topic.name);
    const speed = before && known !== undefined ? Math.max(0, ((lost - known) * 1000) / (now.atMs - before.atMs)) : 0;
    return { name: topic.name, lost, speed };
  });
  lostBefore = new Map(topics.map((topic) => [topic.name, topic.lost]));
  for (const topic of topics.filter((topic) => topic.speed > 0).sort((a, b) => b.speed - a.speed)) {
    items.push(make("li", { className: "name" }, "on ", make("code", { text: topic.name }), ` ${rate(topic.speed)}`));
  }
  byId("lost").replaceChildren(...(items.length ? items : [nothing("nothing")]));
}

/** How many ended while this page was open. */
function lately(code) {
  const more = now.closes[code] - (first.closes[code] ?? 0);
  return more > 0 ? ` (${count(more)} new)` : "";
}

function showCloses({ closes }) {
  const all = Object.entries(closes).sort((a, b) => b[1] - a[1]);
  const most = all.length ? all[0][1] : 1;
  byId("closes").replaceChildren(
    ...(all.length ? all.map(([code, number]) => make("li", { className: "cause" },
      make("span", { text: `${CLOSES[code] ?? "?"}${code === "other" ? "" : ` (${code})`}` }),
      meter(number / most, WORRYING.has(code) ? "bad" : ""),
      make("span", { text: count(number) },
        make("span", { text: lately(code), className: "quiet" })))) : [nothing("none has")]),
  );
}

// The plot: kept in the page, so a server has nothing to keep for it

function plot(deliveries) {
  if (before) points.push(deliveries);
  if (points.length > KEPT_POINTS) points.shift();
  const most = Math.max(1, ...points);
  const step = 600 / Math.max(1, points.length - 1);
  const line = points.map((value, i) => `${(i * step).toFixed(1)},${(78 - (value / most) * 74).toFixed(1)}`).join("L");
  const path = (d, className) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", "path");
    element.setAttribute("d", d);
    element.setAttribute("class", className);
    return element;
  };
  byId("plot").replaceChildren(...(points.length > 1 ? [path(`M0,80L${line}L600,80Z`, "area"), path(`M${line}`, "line")] : []));
  byId("plot-now").textContent = before ? `now ${rate(deliveries)}, at most ${rate(most)}` : "";
  byId("plot-span").textContent = points.length > 1 ? `the last ${duration(points.length * EVERY_MS)}, as seen by this page` : "begins with the second look";
}

// The tables

function showSessions({ matched, rows }) {
  fill("sessions", matched, rows.map((row) => {
    const level = mood(row);
    const queue = make("td", { title: `${row.queue.messages} of ${now.bounds.queueMessages} messages, ${row.queue.bytes} of ${now.bounds.queueBytes} bytes` },
      ...(row.queue.messages ? [meter(row.queue.fill, level)] : []), make("span", { text: waits(row), className: level || (row.queue.messages ? "" : "quiet") }));
    const topics = row.topics.count > row.topics.first.length ? [...row.topics.first, "…"] : row.topics.first;
    return make("tr", { className: level ? "slowrow" : "" },
      make("td", { text: row.user ?? "", className: level && "strong", title: row.user ?? "" }),
      queue,
      make("td", { text: row.writingMs >= 1000 ? duration(row.writingMs) : "", className: level }),
      make("td", { text: `${row.topics.count}: ${topics.join(", ")}`, title: topics.join("\n") }),
      make("td", { text: duration(Math.max(0, now.wallMs - row.since)), title: new Date(row.since).toLocaleString() }),
      make("td", { text: row.address }),
      make("td", { text: `${row.codec}, ${row.transport}` }),
      make("td", {}, make("code", { text: row.id.slice(0, 8), title: row.id })),
      make("td", {}, button("Disconnect …", () => askToKick(row))));
  }));
}

function showTopics({ matched, rows }) {
  const number = (text, className = "") => make("td", { text, className: `number ${className}` });
  fill("topics", matched, rows.map((row) => {
    const lost = row.conflated + row.dropped;
    return make("tr", {},
      make("td", { title: row.name }, make("code", { text: row.name })),
      number(count(row.subscribers)),
      number(count(row.published)),
      number(lost ? count(lost) : "", "warn"),
      number(row.historyBytes ? bytes(row.historyBytes) : ""),
      make("td", {}, button("Publish …", () => askToPublish(row.name))));
  }));
}

function fill(name, matched, rows) {
  const table = tables[name];
  const body = byId(name).tBodies[0];
  const focused = body.contains(document.activeElement);
  if (focused) return; // not under the hands of somebody who is about to press a button
  body.replaceChildren(...rows);
  const last = Math.min(matched, table.offset + table.limit);
  const move = (by) => () => {
    table.offset = Math.max(0, table.offset + by);
    poll();
  };
  const pages = byId(name).closest("section").querySelector(".pages");
  pages.replaceChildren(
    button("Previous", move(-table.limit), table.offset === 0),
    make("span", { text: matched ? `${table.offset + 1} to ${last} of ${matched}` : "none" }),
    button("Next", move(table.limit), last >= matched),
  );
}

function button(text, onclick, disabled = false) {
  return make("button", { type: "button", text, onclick, disabled });
}

for (const [name, table] of Object.entries(tables)) {
  for (const head of byId(name).querySelectorAll("th[data-sort]")) {
    const press = button(head.textContent, () => {
      const isSame = table.sort === head.dataset.sort;
      table.order = isSame && table.order === "desc" ? "asc" : "desc";
      table.sort = head.dataset.sort;
      table.offset = 0;
      mark();
      poll();
    });
    head.replaceChildren(press);
  }
  const mark = () => {
    for (const head of byId(name).querySelectorAll("th[data-sort]")) {
      const isSorted = head.dataset.sort === table.sort;
      if (isSorted) head.setAttribute("aria-sort", table.order === "desc" ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.firstChild.textContent = head.firstChild.textContent.replace(/ [↓↑]$/, "") + (isSorted ? (table.order === "desc" ? " ↓" : " ↑") : "");
    }
  };
  mark();
}

function filterBy(id, table, field) {
  byId(id).addEventListener("input", (event) => {
    table[field] = event.target.value.trim();
    table.offset = 0;
    poll();
  });
}
filterBy("sessions-filter", tables.sessions, "filter");
filterBy("sessions-topic", tables.sessions, "topic");
filterBy("topics-filter", tables.topics, "filter");

// What can be done

async function asked(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue === "ok";
}

async function act(what) {
  try {
    tell(await what());
  } catch (failure) {
    tell(`That did not work: ${failure.message}`);
  }
  document.activeElement?.blur();
  poll();
}

let untold = 0;

function tell(text) {
  byId("told").textContent = text;
  clearTimeout(untold);
  untold = setTimeout(() => byId("told").replaceChildren(), 6000);
}

async function askToKick(row) {
  byId("kick-whom").textContent = row.user ? `${row.user}, session ${row.id.slice(0, 8)} from ${row.address}` : `session ${row.id.slice(0, 8)} from ${row.address}`;
  byId("kick-all-label").hidden = !row.user;
  byId("kick-all").checked = false;
  byId("kick-reason").value = "";
  if (!(await asked(byId("kick")))) return;
  const whom = { session: row.id, allOfUser: byId("kick-all").checked };
  await act(async () => {
    const { kicked } = await post("kick", { ...whom, reason: byId("kick-reason").value });
    return kicked === 1 ? "1 session was disconnected" : `${kicked} sessions were disconnected`;
  });
}

async function askToPublish(topic) {
  byId("publish-topic").value = topic;
  if (!(await asked(byId("publish")))) return;
  await act(async () => {
    let data;
    try {
      data = JSON.parse(byId("publish-data").value);
    } catch (failure) {
      throw new Error(`this is no JSON: ${failure.message}`);
    }
    const { subscribers } = await post("publish", { topic: byId("publish-topic").value, data });
    return `published to ${subscribers} subscribers`;
  });
}

poll();
