/** The presence page: the own user, the present users and their signals. */
import { ConnectionView } from "./shared/connection-view.js";
import { arrange, byId } from "./shared/dom.js";
import { LiveClient } from "./shared/live.js";
import { nameProblem } from "./shared/names.js";
import { Welcome } from "./shared/welcome.js";
import { clockTime } from "./shared/times.js";
import { People } from "./people.js";
import { PersonCard } from "./person-card.js";
import { REPEAT_MS, Signals } from "./signals.js";

const TOPIC = "room/studio";
const REMEMBERED = "live-presence.name";
const NAMED_TYPING = 3; // with more users, show only the number

const text = byId("text");
const cards = new Map(); // name -> PersonCard
let people = new People();
const signals = new Signals();
let me = null;
let live = null;
let saidTypingAt = -Infinity;
let expiry;

const view = new ConnectionView({ pill: byId("connection"), strip: byId("strip"), tryNow: () => live?.connect() });
const welcome = new Welcome(
  { title: "Who is online?", question: "What is your name?", start: "Join" },
  document.querySelector(".logo").cloneNode(true),
  enter,
);
byId("change-name").addEventListener("click", () => welcome.open(me));
text.addEventListener("input", typed);
text.addEventListener("blur", stopped);
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  text.value = "";
  stopped();
});
byId("wave").addEventListener("click", () => {
  signal("wave");
  signals.note({ kind: "wave", from: me }, Date.now()); // not delivered to the publishing tab
  draw();
});

const known = sessionStorage.getItem(REMEMBERED); // per tab: another tab can have another user
if (known !== null && nameProblem(known) === null) enter(known);
else welcome.open();

function enter(name) {
  if (name === me) return;
  live?.unsubscribe(TOPIC); // without unsubscribe the user would stay present for the grace period
  live?.stop();
  me = name;
  people = new People();
  cards.clear();
  sessionStorage.setItem(REMEMBERED, name);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  live = new LiveClient(`${scheme}://${location.host}/live?name=${encodeURIComponent(name)}`, {
    state: connectionChanged,
    presence: (_, data) => {
      people.apply(data);
      draw();
    },
    message: (_, data) => {
      signals.note(data, Date.now());
      draw();
    },
    rejected: (_, error) => (byId("count").textContent = `You cannot use this room: ${error.message}`),
  });
  live.subscribe(TOPIC, { params: { device: matchMedia("(pointer: coarse)").matches ? "phone" : "computer" } });
  live.connect();
  text.focus();
}

function connectionChanged(state) {
  view.draw(state);
  const isStale = state.kind === "waiting" || state.kind === "stopped";
  if (state.kind === "connected") {
    document.body.classList.remove("stale");
    byId("as-of").hidden = true;
    saidTypingAt = -Infinity;
  } else if (isStale && !document.body.classList.contains("stale")) {
    // The list may be outdated: keep it visible, but mark it.
    document.body.classList.add("stale");
    byId("as-of").hidden = false;
    byId("as-of").textContent =
      `Connection lost at ${clockTime(state.lostAt ?? Date.now())}: this list may be outdated`;
    signals.clear();
  }
  draw();
}

function typed() {
  if (text.value === "") return stopped();
  const now = Date.now();
  if (now - saidTypingAt < REPEAT_MS) return;
  saidTypingAt = now;
  signal("typing");
}

function stopped() {
  if (saidTypingAt === -Infinity) return;
  saidTypingAt = -Infinity;
  signal("idle");
}

/** Sends a transient signal. It is dropped without a connection. */
function signal(kind) {
  live.publish(TOPIC, { kind }).catch(() => {});
}

function draw() {
  const now = Date.now();
  const next = signals.expire(now);
  clearTimeout(expiry);
  if (next !== null) expiry = setTimeout(draw, next - now);

  const shown = people.all.sort(([a], [b]) => (b === me) - (a === me));
  for (const name of cards.keys()) if (!shown.some(([other]) => other === name)) cards.delete(name);
  for (const [name, devices] of shown) {
    if (!cards.has(name)) cards.set(name, new PersonCard(name, name === me));
    cards.get(name).update(devices, signals.of(name, now));
  }
  arrange(
    byId("people"),
    shown.map(([name]) => cards.get(name).node),
  );
  if (people.count > 0) write(byId("count"), countOf(shown.length));
  write(
    byId("typing"),
    typingOf(shown.map(([name]) => name).filter((name) => name !== me && signals.of(name, now) === "typing")),
  );
}

function countOf(number) {
  const devices = `${people.count} ${people.count === 1 ? "device" : "devices"}`;
  if (!people.isListed) return `${devices}, too many to show`;
  return `${number} ${number === 1 ? "person" : "people"} on ${devices}`;
}

function typingOf(names) {
  if (names.length === 0) return "";
  if (names.length > NAMED_TYPING) return `${names.length} people are typing…`;
  return `${names.join(", ")} ${names.length === 1 ? "is" : "are"} typing…`;
}

/** Sets the text only if it changed: a screen reader would announce it again. */
function write(node, words) {
  if (node.textContent !== words) node.textContent = words;
}
