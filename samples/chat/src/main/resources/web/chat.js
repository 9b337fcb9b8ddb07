/** The chat page: connects the live client, the rooms and the views. */
import { avatar } from "./shared/avatar.js";
import { Composer } from "./composer.js";
import { ConnectionView } from "./shared/connection-view.js";
import { Conversation } from "./conversation.js";
import { byId } from "./shared/dom.js";
import { MAX_ROOMS } from "./limits.js";
import { LiveClient } from "./shared/live.js";
import { rememberName, rememberRooms, rememberedName, rememberedRooms } from "./memory.js";
import { MessageList } from "./message-list.js";
import { RoomList } from "./room-list.js";
import { hashOf, roomInHash, roomOf, topicOf } from "./rooms.js";
import { rowsOf } from "./rows.js";
import { Welcome } from "./shared/welcome.js";

const rooms = new Map(rememberedRooms().map((room) => [room, new Conversation()]));
let current = null;
let me = null;
let live = null;
let lostAt = 0;
let isDrawing = false;

const messageList = new MessageList({
  resend: (id) => withOutgoing(id, (conversation, message) => retry(conversation, message)),
  edit: (id) => withOutgoing(id, (conversation, message) => editAgain(conversation, message)),
  discard: (id) => withOutgoing(id, (conversation, message) => conversation.discard(message)),
});
const roomList = new RoomList({ open: goTo, leave });
const connectionView = new ConnectionView({
  pill: byId("connection"),
  strip: byId("strip"),
  tryNow: () => live?.connect(),
  ended: { 4403: "You were removed from this chat." },
  joinAgain: "Join again",
});
const composer = new Composer(send);
const welcome = new Welcome(
  { title: "Welcome to live chat", question: "What is your name?", start: "Start chatting" },
  document.querySelector(".brand .logo").cloneNode(true),
  enter,
);

addEventListener("hashchange", () => openRoom(roomInHash(location.hash) ?? current));
addEventListener("online", () => live?.state.kind === "waiting" && live.connect());
document.addEventListener("visibilitychange", () => {
  if (document.hidden || current === null) return;
  rooms.get(current)?.markRead();
  draw();
});
document.addEventListener("keydown", (event) => {
  if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  step(event.key === "ArrowDown" ? 1 : -1);
});
byId("change-name").addEventListener("click", () => welcome.open(me));

openRoom(roomInHash(location.hash) ?? rooms.keys().next().value);
const known = rememberedName();
if (known === null) welcome.open();
else enter(known);

function enter(name) {
  if (name === me) return composer.focus();
  live?.stop(); // the old connection has the old name
  me = name;
  rememberName(name);
  byId("me-name").textContent = name;
  byId("me-avatar").replaceChildren(avatar(name));
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  live = new LiveClient(`${scheme}://${location.host}/live?name=${encodeURIComponent(name)}`, {
    state: connectionChanged,
    subscribed,
    message: received,
    rejected,
  });
  for (const room of rooms.keys()) live.subscribe(topicOf(room));
  live.connect();
  composer.focus();
  draw();
}

function connectionChanged(state) {
  if (state.kind === "waiting" || state.kind === "stopped") {
    // Failed attempts extend the gap and do not start another one.
    if (lostAt === 0) lostAt = state.lostAt ?? Date.now();
    for (const conversation of rooms.values()) conversation.connectionLost(me);
  }
  connectionView.draw(state);
  draw();
}

function subscribed(topic) {
  const conversation = rooms.get(roomOf(topic));
  const now = Date.now();
  conversation.subscribed(lostAt || now, now); // the server can also report a gap while connected
  for (const message of conversation.outgoing.filter((o) => o.state === "waiting"))
    publish(conversation, topic, message);
  // Each room ends its own gap. The last room resets lostAt for the next connection loss.
  if ([...rooms.keys()].every((room) => live.isSubscribed(topicOf(room)) || rooms.get(room).rejection !== null))
    lostAt = 0;
  draw();
}

function rejected(topic, error) {
  rooms.get(roomOf(topic)).rejection = error.message;
  draw();
}

function received(topic, { from, text, at }) {
  const room = roomOf(topic);
  const conversation = rooms.get(room);
  const isEcho = conversation.receive({ from, text, at: Date.parse(at) || Date.now() }, me);
  if (!isEcho && (room !== current || document.hidden)) conversation.markUnread();
  draw();
}

/** Sends a text from the composer. Returns an error text, or null. */
function send(text) {
  const conversation = rooms.get(current);
  if (conversation.rejection !== null) return `Not sent: you cannot use this room (${conversation.rejection}).`;
  const message = conversation.compose(text, Date.now());
  if (message === null) return "Not sent: too many messages are waiting for the connection.";
  const topic = topicOf(current);
  if (live.isSubscribed(topic)) publish(conversation, topic, message);
  draw();
  return null;
}

async function publish(conversation, topic, message) {
  message.state = "sending";
  try {
    await live.publish(topic, { text: message.text });
    message.state = "sent";
  } catch (error) {
    failed(conversation, topic, message, error);
  }
  draw();
}

function failed(conversation, topic, message, error) {
  message.reason = error.message;
  if (error.code === "not_connected") message.state = "waiting";
  else if (error.code === "connection_lost" || error.code === "timeout") message.state = "unconfirmed";
  else message.state = "rejected";
  // A retry with the same text would fail again, so the text returns to the composer.
  const isUnusable = error.code === "bad_payload" || error.code === "too_large";
  if (isUnusable && composer.restoreDraft(roomOf(topic), message.text, `Not sent: ${error.message}.`))
    conversation.discard(message);
}

function retry(conversation, old) {
  conversation.discard(old);
  const message = conversation.compose(old.text, Date.now());
  const topic = topicOf(current);
  if (live.isSubscribed(topic)) publish(conversation, topic, message);
}

function editAgain(conversation, message) {
  if (composer.restoreDraft(current, message.text, "")) conversation.discard(message);
  composer.focus();
}

function withOutgoing(id, action) {
  const conversation = rooms.get(current);
  const message = conversation.outgoing.find((o) => o.id === id);
  if (message) action(conversation, message);
  draw();
}

function goTo(room) {
  if (roomInHash(location.hash) !== room) location.hash = hashOf(room); // adds a history entry, so that "back" works
  openRoom(room); // before the asynchronous hashchange event, so that input until then goes to the new room
}

function openRoom(room) {
  if (!rooms.has(room)) {
    if (rooms.size >= MAX_ROOMS) return goTo(current);
    rooms.set(room, new Conversation());
    rememberRooms(rooms.keys());
    live?.subscribe(topicOf(room));
  }
  if (room !== current) {
    if (current !== null && rooms.has(current)) rooms.get(current).newSince = null;
    current = room;
    rooms.get(room).open();
    composer.open(room);
  }
  byId("room-title").textContent = room;
  if (me !== null) composer.focus();
  draw();
}

function leave(room) {
  const names = [...rooms.keys()];
  const neighbour = names[names.indexOf(room) + 1] ?? names[names.indexOf(room) - 1];
  rooms.delete(room);
  composer.forget(room);
  live?.unsubscribe(topicOf(room));
  rememberRooms(rooms.keys());
  if (room === current) goTo(neighbour);
  draw();
}

function step(by) {
  const names = [...rooms.keys()];
  goTo(names[(names.indexOf(current) + by + names.length) % names.length]);
}

/** Schedules one redraw for all changes until then. */
function draw() {
  if (isDrawing) return;
  isDrawing = true;
  setTimeout(() => {
    isDrawing = false;
    messageList.draw(current, rowsOf(rooms.get(current), me));
    roomList.draw(rooms, current);
    const unread = [...rooms.values()].reduce((sum, conversation) => sum + conversation.unread, 0);
    document.title = `${unread > 0 ? `(${unread}) ` : ""}#${current} · live chat`;
  });
}
