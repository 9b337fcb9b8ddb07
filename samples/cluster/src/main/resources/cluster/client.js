import { element } from "./shared/dom.js";
import { LiveClient } from "./shared/live.js";

const TOPIC = "notes";
const SHOWN = 12; // messages

/** One client behind the load balancer, on the node that the balancer chose. */
export class Client {
  #name;
  #live;
  #at = null; // the node of the current connection
  #counts = { received: 0, reconnects: 0, gaps: 0, failed: 0 };
  #where = element("span", { class: "where" });
  #figures = element("p", { class: "figures" });
  #list = element("ol", { "aria-label": "Messages" });

  constructor(name, url) {
    this.#name = name;
    const input = element("input", {
      "aria-label": `Message of ${name}`,
      placeholder: `Write as ${name}`,
      maxlength: 500,
    });
    const form = element("form", { class: "field" }, input, element("button", { class: "action" }, "Send"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value.trim() !== "") this.send(input.value.trim());
      input.value = "";
    });
    this.node = element(
      "article",
      { class: "client", "aria-label": name },
      element("h2", {}, name, this.#where),
      this.#figures,
      this.#list,
      form,
    );
    this.#live = new LiveClient(`${url}?name=${name}`, {
      state: (state) => this.#connection(state),
      subscribed: (_, recovery, missed, node) => this.#subscribed(recovery, missed, node),
      message: (_, note) => this.#received(note),
    });
    this.#live.subscribe(TOPIC);
    this.#live.connect();
    this.#draw();
  }

  /** Publishes once. Without a confirmation the message may have arrived or not, so the page does not send it again. */
  async send(text) {
    try {
      await this.#live.publish(TOPIC, { text });
    } catch (failure) {
      this.#counts.failed++;
      this.#add("failed", `not confirmed: ${text} (${failure.message})`);
      this.#draw();
    }
  }

  #connection({ kind }) {
    this.node.dataset.state = kind;
    if (kind === "waiting") this.#at = null;
    this.#draw();
  }

  #subscribed(recovery, missed, node) {
    this.#at = node;
    if (recovery !== "first") this.#counts.reconnects++;
    if (recovery === "recovered") this.#add("moved", `continues on node ${node}, ${missed} missed messages follow`);
    if (recovery === "gap") {
      this.#counts.gaps++;
      this.#add("gap", `continues on node ${node}, messages may be missing`);
    }
    this.#draw();
  }

  #received({ text, from, sentOn }) {
    this.#counts.received++;
    this.#add("note", element("b", {}, from), ` ${text}`, route(sentOn, this.#at));
    this.#draw();
  }

  #add(kind, ...content) {
    this.#list.prepend(element("li", { class: kind }, ...content));
    while (this.#list.children.length > SHOWN) this.#list.lastElementChild.remove();
  }

  #draw() {
    this.#where.replaceChildren(this.#at === null ? "connecting" : chip(this.#at));
    const { received, reconnects, gaps, failed } = this.#counts;
    this.#figures.textContent = `${received} received, ${failed} not confirmed, ${reconnects} reconnects, ${gaps} gaps`;
  }
}

function route(from, to) {
  const title = `sent on node ${from}, delivered through node ${to}`;
  return element("span", { class: "route", role: "img", "aria-label": title, title }, chip(from), "→", chip(to));
}

function chip(node) {
  return element("span", { class: "chip", "data-node": node }, node);
}
