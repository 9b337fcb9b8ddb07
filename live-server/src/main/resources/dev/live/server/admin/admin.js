"use strict";
/* Insert strings only as text nodes: clients choose topic and user names, so a name may contain HTML. */

// The page works under any path, with or without a trailing slash.
const API = location.pathname.replace(/\/$/, "") + "/api/";
const POLL_INTERVAL_MS = 1500;
const MAX_POINTS = 400; // ten minutes

const CLOSES = {
  1000: "normal",
  1001: "going away",
  1006: "connection lost",
  1009: "message too large",
  1011: "internal error",
  1012: "server restart",
  1013: "try again later",
  4400: "protocol violation",
  4401: "not authenticated",
  4403: "kicked",
  4408: "heartbeat timeout",
  4429: "too many messages",
  4508: "slow consumer",
  other: "other",
};
const FAILURE_CODES = new Set(["1011", "4400", "4408", "4429", "4508"]);
const DROP_LABELS = {
  close: "discarded when a slow client was closed",
  conflate: "replaced by newer messages",
  dropOldest: "dropped as the oldest in a full queue",
};

const byId = (id) => document.getElementById(id);

function make(tag, { text, ...properties } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

// Formatting

function count(number) {
  if (number < 10_000) return String(Math.round(number));
  const units = [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ];
  const [size, unit] = units.find(([size]) => number >= size);
  return (number / size).toFixed(number < 100 * size ? 1 : 0) + " " + unit;
}

/** The number with its unit, such as "1 message" and "2 messages". */
const counted = (number, unit) => `${count(number)} ${number === 1 ? unit : `${unit}s`}`;

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

const milliseconds = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : duration(ms));

const rate = (number) => (number > 0 && number < 10 ? number.toFixed(1) : count(number)) + "/s";

// State of the page

const tables = {
  sessions: { sort: "queue", order: "desc", offset: 0, limit: 20, filter: "", topic: "" },
  topics: { sort: "subscribers", order: "desc", offset: 0, limit: 20, filter: "" },
};
let previous = null; // overview of the previous poll
let now = null; // overview of the latest poll
let first = null; // first overview since the page was opened or the server restarted
const points = [];
/** Total of dropped messages per lossy topic at the previous poll. */
let previousDrops = new Map();

async function fetchJson(path, options) {
  const response = await fetch(API + path, { cache: "no-store", credentials: "same-origin", ...options });
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  const body = isJson ? await response.json() : null;
  if (!response.ok) throw new Error(body?.error?.message ?? `the server returned status ${response.status}`);
  if (!body) throw new Error("the server returned no JSON. Are you still signed in?");
  return body;
}

const post = (path, body) =>
  fetchJson(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

function query(table) {
  const { topic, ...rest } = table;
  return new URLSearchParams(topic ? { ...rest, topic } : rest);
}

// Polling: one request at a time, and none while the page is hidden

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
    previous = now;
    now = overview;
    // counters start from zero after a server restart
    if (previous && (now.atMs <= previous.atMs || now.deliveries < previous.deliveries)) previous = null;
    if (!previous) first = now;
    show(overview);
    showSessions(sessions);
    showTopics(topics);
    state("");
  } catch (failure) {
    state(`update failed: ${failure.message}`);
  } finally {
    isPolling = false;
    timer = setTimeout(poll, POLL_INTERVAL_MS);
  }
}

function state(problem) {
  byId("state").className = problem ? "bad" : "";
  byId("state").textContent = problem || `updated at ${new Date().toLocaleTimeString()}`;
}

document.addEventListener("visibilitychange", poll);

function perSecond(pick) {
  return previous ? Math.max(0, ((pick(now) - pick(previous)) * 1000) / (now.atMs - previous.atMs)) : 0;
}

// The overview

function show(overview) {
  const { queues } = overview;
  const total = (name, value, detail, mood = "") =>
    make(
      "div",
      {},
      make("dt", { text: name }),
      make("dd", { text: value, className: mood }, " ", make("small", { text: detail })),
    );
  byId("totals").replaceChildren(
    total("Sessions", count(overview.sessions), counted(overview.connections, "connection")),
    total("Topics", count(overview.topics), ""),
    total("In", rate(perSecond((it) => it.messagesIn)), `${bytes(perSecond((it) => it.bytesIn))}/s`),
    total("Published", rate(perSecond((it) => it.published)), `${count(overview.published)} total`),
    total("Out", rate(perSecond((it) => it.messagesOut)), `${bytes(perSecond((it) => it.bytesOut))}/s`),
    total(
      "Queued",
      bytes(queues.bytes),
      `${counted(queues.messages, "message")} in ${counted(queues.sessions, "session")}`,
    ),
    total("Slow clients", count(queues.slow), `of ${count(overview.sessions)}`, queues.slow ? "bad" : ""),
    ...(overview.broker ? brokerTotals(overview, total) : []),
  );
  showSlow(overview);
  showLosses(overview);
  showCloses(overview);
  showNodes(overview);
  byId("attention").className = queues.slow || lossRates().length ? "alarmed" : "";
  plot(perSecond((it) => it.deliveries));
}

/** Only with a broker of the application, which connects several nodes. */
function brokerTotals({ broker, recoveries, gaps }, total) {
  const isConnected = broker.state === "connected";
  const mood = isConnected ? "" : broker.state === "connecting" ? "warn" : "bad";
  const since = isConnected ? counted(broker.reconnects, "reconnect") : `for ${duration(broker.awayMs)}`;
  const lag = broker.lagMs === null ? "no lag measured" : `lag ${milliseconds(broker.lagMs)}`;
  return [
    total("Broker", broker.state, since, mood),
    total("Outbox", count(broker.outbox), lag, broker.lagMs >= 1000 ? "warn" : ""),
    total("Gaps", count(gaps), `${count(recoveries)} recovered, ${count(broker.dropped)} dropped`, gaps ? "warn" : ""),
  ];
}

/** The nodes of the application; hidden without a broker that connects several. */
function showNodes({ nodes }) {
  byId("nodes-section").hidden = nodes.length === 0;
  const number = (text) => make("td", { text, className: "number" });
  const rows = nodes.map((node) =>
    make(
      "tr",
      {},
      make("td", { text: node.draining ? `${node.id} (draining)` : node.id }),
      number(count(node.sessions)),
      number(count(node.topics)),
      number(node.lagMs === null ? "" : milliseconds(node.lagMs)),
      number(count(node.reconnects)),
      number(count(node.dropped)),
      number(count(node.gaps)),
    ),
  );
  byId("nodes").tBodies[0].replaceChildren(...rows);
}

function emptyItem(text) {
  return make("li", { text, className: "good" });
}

function mood(row) {
  return row.queue.fill >= 0.75 || row.writingMs >= now.bounds.writeTimeoutMs / 2
    ? "bad"
    : row.queue.fill >= 0.25 || row.writingMs >= 1000
      ? "warn"
      : "";
}

function meter(fill, className) {
  const inner = make("i", { className });
  inner.style.width = `${Math.min(100, fill * 100)}%`;
  return make("span", { className: "meter" }, inner);
}

function queueText(row) {
  const { messages, bytes: size, fill } = row.queue;
  return messages ? `${Math.round(fill * 100)} %, ${counted(messages, "message")}, ${bytes(size)}` : "empty";
}

function showSlow({ slowest, queues }) {
  byId("slow-title").textContent =
    queues.slow > slowest.length ? `Slow clients: ${slowest.length} slowest of ${count(queues.slow)}` : "Slow clients";
  byId("slow").replaceChildren(
    ...(slowest.length
      ? slowest.map((row) => {
          const blocked = row.writingMs >= 1000 ? `, blocked for ${duration(row.writingMs)}` : "";
          return make(
            "li",
            { className: "slow", title: `session ${row.id}` },
            make("span", { text: row.user ?? `session ${row.id.slice(0, 8)}`, className: `name strong ${mood(row)}` }),
            meter(row.queue.fill, mood(row)),
            make("span", { text: `${Math.round(row.queue.fill * 100)} % full${blocked}` }),
          );
        })
      : [emptyItem("none")]),
  );
}

function lossRates() {
  return Object.keys(now.drops)
    .map((policy) => ({ policy, total: now.drops[policy], now: perSecond((it) => it.drops[policy] ?? 0) }))
    .filter((loss) => loss.now > 0);
}

function showLosses({ drops, mostLost }) {
  const items = Object.entries(drops)
    .map(([policy, total]) => ({ policy, total, now: perSecond((it) => it.drops[policy] ?? 0) }))
    .sort((a, b) => b.now - a.now || b.total - a.total)
    .map((loss) =>
      make(
        "li",
        {},
        make("span", {
          text: rate(loss.now),
          className: `strong ${loss.now ? (loss.policy === "close" ? "bad" : "warn") : "quiet"}`,
        }),
        ` ${DROP_LABELS[loss.policy] ?? loss.policy}`,
        make("span", { text: ` (${count(loss.total)} total)`, className: "quiet" }),
      ),
    );
  const topics = mostLost.map((topic) => {
    const lost = topic.conflated + topic.dropped;
    const previousTotal = previousDrops.get(topic.name);
    const speed =
      previous && previousTotal !== undefined
        ? Math.max(0, ((lost - previousTotal) * 1000) / (now.atMs - previous.atMs))
        : 0;
    return { name: topic.name, lost, speed };
  });
  previousDrops = new Map(topics.map((topic) => [topic.name, topic.lost]));
  for (const topic of topics.filter((topic) => topic.speed > 0).sort((a, b) => b.speed - a.speed)) {
    items.push(make("li", { className: "name" }, "on ", make("code", { text: topic.name }), ` ${rate(topic.speed)}`));
  }
  byId("lost").replaceChildren(...(items.length ? items : [emptyItem("none")]));
}

/** Sessions closed with `code` since the page was opened, as a suffix. */
function newCloses(code) {
  const more = now.closes[code] - (first.closes[code] ?? 0);
  return more > 0 ? ` (${count(more)} new)` : "";
}

function showCloses({ closes }) {
  const all = Object.entries(closes).sort((a, b) => b[1] - a[1]);
  const most = all.length ? all[0][1] : 1;
  byId("closes").replaceChildren(
    ...(all.length
      ? all.map(([code, number]) =>
          make(
            "li",
            { className: "cause" },
            make("span", { text: `${CLOSES[code] ?? "?"}${code === "other" ? "" : ` (${code})`}` }),
            meter(number / most, FAILURE_CODES.has(code) ? "bad" : ""),
            make("span", { text: count(number) }, make("span", { text: newCloses(code), className: "quiet" })),
          ),
        )
      : [emptyItem("none")]),
  );
}

// The plot. The page stores the points, so the server needs no memory for them.

function plot(deliveries) {
  if (previous) points.push(deliveries);
  if (points.length > MAX_POINTS) points.shift();
  const most = Math.max(1, ...points);
  const step = 600 / Math.max(1, points.length - 1);
  const line = points.map((value, i) => `${(i * step).toFixed(1)},${(78 - (value / most) * 74).toFixed(1)}`).join("L");
  const path = (d, className) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", "path");
    element.setAttribute("d", d);
    element.setAttribute("class", className);
    return element;
  };
  byId("plot").replaceChildren(
    ...(points.length > 1 ? [path(`M0,80L${line}L600,80Z`, "area"), path(`M${line}`, "line")] : []),
  );
  byId("plot-now").textContent = previous ? `now ${rate(deliveries)}, max ${rate(most)}` : "";
  byId("plot-span").textContent =
    points.length > 1
      ? `the last ${duration(points.length * POLL_INTERVAL_MS)}, measured by this page`
      : "starts after the second poll";
}

// The tables

function showSessions({ matched, rows }) {
  fill(
    "sessions",
    matched,
    rows.map((row) => {
      const level = mood(row);
      const queue = make(
        "td",
        {
          title: `messages: ${row.queue.messages} of ${now.bounds.queueMessages}, bytes: ${row.queue.bytes} of ${now.bounds.queueBytes}`,
        },
        ...(row.queue.messages ? [meter(row.queue.fill, level)] : []),
        make("span", { text: queueText(row), className: level || (row.queue.messages ? "" : "quiet") }),
      );
      const topics = row.topics.count > row.topics.first.length ? [...row.topics.first, "…"] : row.topics.first;
      return make(
        "tr",
        { className: level ? "slow-row" : "" },
        make("td", { text: row.user ?? "", className: level && "strong", title: row.user ?? "" }),
        queue,
        make("td", { text: row.writingMs >= 1000 ? duration(row.writingMs) : "", className: level }),
        make("td", { text: `${row.topics.count}: ${topics.join(", ")}`, title: topics.join("\n") }),
        make("td", {
          text: duration(Math.max(0, now.wallMs - row.since)),
          title: new Date(row.since).toLocaleString(),
        }),
        make("td", { text: row.address }),
        make("td", { text: `${row.codec}, ${row.transport}` }),
        make("td", {}, make("code", { text: row.id.slice(0, 8), title: row.id })),
        make(
          "td",
          {},
          button("Disconnect …", () => openKickDialog(row)),
        ),
      );
    }),
  );
}

function showTopics({ matched, rows }) {
  const number = (text, className = "") => make("td", { text, className: `number ${className}` });
  fill(
    "topics",
    matched,
    rows.map((row) => {
      const lost = row.conflated + row.dropped;
      return make(
        "tr",
        {},
        make("td", { title: row.name }, make("code", { text: row.name })),
        number(count(row.subscribers)),
        number(count(row.published)),
        number(lost ? count(lost) : "", "warn"),
        number(row.historyBytes ? bytes(row.historyBytes) : ""),
        make(
          "td",
          {},
          button("Publish …", () => openPublishDialog(row.name)),
        ),
      );
    }),
  );
}

function fill(name, matched, rows) {
  const table = tables[name];
  const body = byId(name).tBodies[0];
  const focused = body.contains(document.activeElement);
  if (focused) return; // do not replace rows while one of their buttons has the focus
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
      head.firstChild.textContent =
        head.firstChild.textContent.replace(/ [↓↑]$/, "") + (isSorted ? (table.order === "desc" ? " ↓" : " ↑") : "");
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

// Actions

async function confirmDialog(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue === "ok";
}

async function runAction(action) {
  try {
    notify(await action());
  } catch (failure) {
    notify(`Request failed: ${failure.message}`);
  }
  document.activeElement?.blur();
  poll();
}

let clearTimer = 0;

function notify(text) {
  byId("notice").textContent = text;
  clearTimeout(clearTimer);
  clearTimer = setTimeout(() => byId("notice").replaceChildren(), 6000);
}

async function openKickDialog(row) {
  byId("kick-target").textContent = row.user
    ? `${row.user}, session ${row.id.slice(0, 8)} from ${row.address}`
    : `session ${row.id.slice(0, 8)} from ${row.address}`;
  byId("kick-all-label").hidden = !row.user;
  byId("kick-all").checked = false;
  byId("kick-reason").value = "";
  if (!(await confirmDialog(byId("kick")))) return;
  const target = { session: row.id, allOfUser: byId("kick-all").checked };
  await runAction(async () => {
    const { kicked } = await post("kick", { ...target, reason: byId("kick-reason").value });
    return `Disconnected ${counted(kicked, "session")}`;
  });
}

async function openPublishDialog(topic) {
  byId("publish-topic").value = topic;
  if (!(await confirmDialog(byId("publish")))) return;
  await runAction(async () => {
    let data;
    try {
      data = JSON.parse(byId("publish-data").value);
    } catch (failure) {
      throw new Error(`invalid JSON: ${failure.message}`);
    }
    const { subscribers } = await post("publish", { topic: byId("publish-topic").value, data });
    return `Published to ${counted(subscribers, "subscriber")}`;
  });
}

poll();
