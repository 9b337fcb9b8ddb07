/** Which list, on which devices. `?list=holidays` opens another list, `?device=Tablet` one device alone. */
import { byId, element } from "./shared/dom.js";
import { Device } from "./device.js";

const asked = new URLSearchParams(location.search);
const list = asked.get("list")?.trim().slice(0, 100) || "groceries";
const device = asked.get("device")?.trim().slice(0, 40);
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`;

byId("list").textContent = list;
for (const name of device ? [device] : ["Phone", "Laptop"]) {
  const root = element("section", { class: "device", "aria-label": name });
  byId("devices").append(root);
  new Device(root, { list, url });
}
