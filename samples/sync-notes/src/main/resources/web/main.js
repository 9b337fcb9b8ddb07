/** The page: one list on two devices. `?list=holidays` opens another list, `?device=Tablet` a single other device. */
import { byId, element } from "./shared/dom.js";
import { Device } from "./device.js";
import { MAX_AUTHOR, cleaned, cleanedList } from "./notebook.js";

const query = new URLSearchParams(location.search);
const list = cleanedList(query.get("list") ?? "") || "groceries";
const device = cleaned(query.get("device") ?? "", MAX_AUTHOR);
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`;

byId("list").textContent = list;
for (const name of device ? [device] : ["Phone", "Laptop"]) {
  const root = element("section", { class: "device", "aria-label": name });
  byId("devices").append(root);
  new Device(root, { list, url });
}
