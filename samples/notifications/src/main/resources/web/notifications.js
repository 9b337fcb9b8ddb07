/** Brings it together: whose devices these are, and the shop that has something to tell them. */
import { byId, element } from "./shared/dom.js";
import { Device } from "./device.js";

const SUGGESTIONS = ["Your parcel is on its way", "Your table is booked for eight", "Somebody signed in from a new place"];
const ACCOUNTS = { ann: "Ann", bob: "Bob" };

const asked = new URLSearchParams(location.search).get("user");
const user = Object.hasOwn(ACCOUNTS, asked ?? "") ? asked : "ann";
const text = byId("text");

document.querySelector(`nav [data-user="${user}"]`).setAttribute("aria-current", "page");
document.querySelector(".who").textContent = ACCOUNTS[user];
text.placeholder = `Tell ${ACCOUNTS[user]} something`;
byId("suggestions").append(...SUGGESTIONS.map((suggestion) => element("button", { type: "button", class: "quiet", onclick: () => send(suggestion) }, suggestion)));
byId("shop").addEventListener("submit", (event) => {
  event.preventDefault();
  if (text.value.trim() === "") return text.focus();
  send(text.value.trim());
  text.value = "";
});

const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`;
for (const id of ["phone", "laptop"]) new Device(byId(id), { user, url, token: `token-of-${user}` });

async function send(notice) {
  try {
    const answer = await fetch(`notices/${user}`, { method: "POST", headers: { "Content-Type": "text/plain" }, body: notice });
    problem(answer.ok ? "" : `Not sent: the server answered ${answer.status}.`);
  } catch {
    problem("Not sent: the server cannot be reached.");
  }
}

function problem(sentence) {
  byId("shop-error").textContent = sentence;
  byId("shop-error").hidden = sentence === "";
}
