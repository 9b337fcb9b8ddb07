/** The page: the devices of one user, and the shop form that sends notices. */
import { byId, element } from "./shared/dom.js";
import { Device } from "./device.js";

const SUGGESTIONS = [
  "Your parcel is on its way",
  "Your table is booked for eight",
  "New sign-in from another location",
];
const ACCOUNTS = { ann: "Ann", bob: "Bob" };

const requested = new URLSearchParams(location.search).get("user");
const user = Object.hasOwn(ACCOUNTS, requested ?? "") ? requested : "ann";
const text = byId("text");

document.querySelector(`nav [data-user="${user}"]`).setAttribute("aria-current", "page");
document.querySelector(".user").textContent = ACCOUNTS[user];
text.placeholder = `Send a notice to ${ACCOUNTS[user]}`;
byId("suggestions").append(
  ...SUGGESTIONS.map((suggestion) =>
    element("button", { type: "button", class: "quiet", onclick: () => send(suggestion) }, suggestion),
  ),
);
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
    const response = await fetch(`notices/${user}`, {
      method: "POST",
      headers: { "Content-Type": "text/plain" },
      body: notice,
    });
    problem(response.ok ? "" : `Not sent: the server responded with status ${response.status}.`);
  } catch {
    problem("Not sent: the server cannot be reached.");
  }
}

function problem(sentence) {
  byId("shop-error").textContent = sentence;
  byId("shop-error").hidden = sentence === "";
}
