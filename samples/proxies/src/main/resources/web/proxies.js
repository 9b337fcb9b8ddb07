/** Shows the route of the page's connections. The clock over server-sent events stops if a proxy buffers responses. */
import { ConnectionView } from "./shared/connection-view.js";
import { LiveClient } from "./shared/live.js";

const byId = (id) => document.getElementById(id);

const url = new URL("live", location.href.replace(/^http/, "ws"));
const view = new ConnectionView({ pill: byId("connection"), strip: byId("strip"), tryNow: () => live.connect() });
const live = new LiveClient(url.href, {
  state(state) {
    view.draw(state);
    if (state.kind === "connected") showRoute();
  },
  message(topic, seconds) {
    byId("socket-clock").textContent = seconds;
  },
});

async function showRoute() {
  const { address, site } = await live.request("route", "");
  byId("advice").hidden = site === location.origin;
  byId("advice").textContent =
    `The server sees its own address as ${site}. The proxy does not forward Host or X-Forwarded-Proto: see docs/proxies.md.`;
  byId("address").textContent = address;
  byId("site").textContent = site;
}

live.subscribe("clock");
live.connect();

const events = new EventSource(new URL("live/sse?topic=clock", location.href));
events.onmessage = (event) => {
  const message = JSON.parse(event.data);
  if (message.type === "message") byId("event-clock").textContent = message.data;
};
