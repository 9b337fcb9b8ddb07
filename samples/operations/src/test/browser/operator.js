/** The fixture of the operations tests: admin page, admin API, publish key and load clients. */
import assert from "node:assert/strict";
import { Stage, expect, scenes } from "../../../../testing/stage.js";

const MAIN = "dev.live.samples.operations";
const OPERATOR = { username: "admin", password: "a password for tests" };
const KEY = "a-key-for-tests-that-is-long-enough";

export { expect };

/** Defines a test with its own server. */
export const scene = scenes((port) => new Operations(port));

class Operations extends Stage {
  constructor(port) {
    super(port, `${MAIN}.ServerKt`, { ADMIN_PASSWORD: OPERATOR.password, PUBLISH_KEY: KEY });
  }

  /** Connects clients; stalled ones connect one after the other. */
  async crowd(clients, stalled) {
    const crowd = this.run(`${MAIN}.CrowdKt`, [String(this.port), String(clients), String(stalled)]);
    await crowd.waitFor(/clients are connected/);
  }

  async publish(body) {
    const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
    const response = await fetch(`${this.address}publish`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.equal(response.status, 200);
    return response.json();
  }

  /** The overview that the admin page loads. */
  async overview() {
    const credentials = Buffer.from(`${OPERATOR.username}:${OPERATOR.password}`).toString("base64");
    const response = await fetch(`${this.address}live-admin/api/overview`, {
      headers: { Authorization: `Basic ${credentials}` },
    });
    return response.json();
  }

  /** Opens a page of the sample in a tab. */
  async tab(path, { before = () => {}, ...options } = {}) {
    const page = await this.blankTab({ viewport: { width: 1280, height: 900 }, ...options });
    await before(page);
    await page.goto(this.address + path);
    return page;
  }

  /** Opens the admin page and waits until it has loaded the overview. */
  async admin(path = "live-admin", options = {}) {
    const page = await this.tab(path, { httpCredentials: OPERATOR, ...options });
    await page.getByText("updated at").waitFor();
    return page;
  }
}
