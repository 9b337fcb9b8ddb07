/** What an operator of the sample has at hand: the admin page, the API behind it, a key to publish with, and a crowd. */
import assert from "node:assert/strict";
import { Stage, expect, scenes } from "../../../../testing/stage.js";

const MAIN = "dev.live.samples.operations";
const OPERATOR = { username: "admin", password: "a password for tests" };
const KEY = "a-key-for-tests-that-is-long-enough";

export { expect };

/** A test with a server of its own to operate. */
export const scene = scenes((port) => new Operations(port));

class Operations extends Stage {
  constructor(port) {
    super(port, `${MAIN}.ServerKt`, { ADMIN_PASSWORD: OPERATOR.password, PUBLISH_KEY: KEY });
  }

  /** Clients that are connected; those that stall come one after the other. */
  async crowd(clients, stalled) {
    const crowd = this.run(`${MAIN}.CrowdKt`, [String(this.port), String(clients), String(stalled)]);
    await crowd.waitFor(/clients have joined/);
  }

  async publish(body) {
    const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
    const answer = await fetch(`${this.address}publish`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200);
    return answer.json();
  }

  /** What the admin page gets. */
  async overview() {
    const credentials = Buffer.from(`${OPERATOR.username}:${OPERATOR.password}`).toString("base64");
    const answer = await fetch(`${this.address}live-admin/api/overview`, { headers: { Authorization: `Basic ${credentials}` } });
    return answer.json();
  }

  /** A tab with a page of the sample. */
  async tab(path, { before = () => {}, ...options } = {}) {
    const page = await this.blankTab({ viewport: { width: 1280, height: 900 }, ...options });
    await before(page);
    await page.goto(this.address + path);
    return page;
  }

  /** The admin page, as an operator sees it once it has looked. */
  async admin(path = "live-admin", options = {}) {
    const page = await this.tab(path, { httpCredentials: OPERATOR, ...options });
    await page.getByText("updated at").waitFor();
    return page;
  }
}
