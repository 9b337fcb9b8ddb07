/** The page of the cluster: states and buttons of the processes, and three clients behind the load balancer. */
import { ConnectionView } from "./shared/connection-view.js";
import { byId } from "./shared/dom.js";
import { LiveClient } from "./shared/live.js";
import { Client } from "./client.js";
import { ProcessCard } from "./process-card.js";

const NAMES = ["Ann", "Bob", "Cleo"];
const TALK_MS = 1_000; // between two messages of a client that talks

const REDIS = {
  answers: { state: "ready", label: "Stop", action: "pause" },
  "no answer": { state: "away", label: "Continue", action: "resume" },
  ended: { state: "ended", label: "Start", action: "start" },
};

let clients = [];
let talking = null;

const view = new ConnectionView({ pill: byId("connection"), strip: byId("strip"), tryNow: () => cluster.connect() });
const cluster = new LiveClient(`ws://${location.host}/cluster`, { state: (state) => view.draw(state), message: show });
const nodes = new Map(); // name -> ProcessCard
const redis = new ProcessCard("Redis", "s");
byId("redis").append(redis.node);
byId("roll").addEventListener("click", () => cluster.request("roll", ""));
byId("talk").addEventListener("click", talk);
addEventListener("keydown", (event) => {
  if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = [...document.querySelectorAll("button")].find(
    (it) => it.querySelector("kbd")?.textContent === event.key,
  );
  button?.click();
});
cluster.subscribe("state");
cluster.connect();

function show(_, state) {
  if (clients.length === 0) openClients(state.balancer);
  for (const [index, { name, status, pid }] of state.nodes.entries()) {
    if (!nodes.has(name)) addNode(name, String(index + 1));
    const [label, action] = pid === null ? ["Start", "start"] : ["Kill", "kill"];
    const details = pid === null ? "" : `process ${pid}`;
    nodes.get(name).show(status, status, details, label, () => cluster.request(action, name));
  }
  const { label, action, state: look } = REDIS[state.redis.status];
  const details = `port ${state.redis.port}` + (state.redis.pid === null ? "" : `, process ${state.redis.pid}`);
  redis.show(look, state.redis.status, details, label, () => cluster.request("redis", action));
  byId("roll").disabled = state.isRolling;
}

function addNode(name, key) {
  const card = new ProcessCard(`Node ${name}`, key);
  card.node.dataset.node = name;
  nodes.set(name, card);
  byId("nodes").append(card.node);
}

function openClients(port) {
  byId("chat").href = `http://${location.hostname}:${port}/`;
  clients = NAMES.map((name) => new Client(name, `ws://${location.hostname}:${port}/notes`));
  byId("clients").append(...clients.map((client) => client.node));
}

/** Each client sends a number per second, until the button is pressed again. */
function talk() {
  byId("talk").setAttribute("aria-pressed", String(talking === null));
  if (talking !== null) {
    clearInterval(talking);
    talking = null;
    return;
  }
  let number = 0;
  talking = setInterval(() => {
    number++;
    for (const client of clients) client.send(`message ${number}`);
  }, TALK_MS);
}
