/**
 * What a test plays on: one server, tabs, and a crowd of clients. Cleans up after it, and when the test fails shows what
 * everybody said and saw.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { launchBrowser } from "./browser.js";
import { Program } from "./program.js";
import { screenshotFile } from "./places.js";

const MAIN = "dev.live.samples.operations";
const OPERATOR = { username: "admin", password: "a password for tests" };
const KEY = "a-key-for-tests-that-is-long-enough";

/** A test with a stage of its own. */
export function scene(name, play) {
  test(name, { timeout: 180_000 }, async () => {
    const stage = new Stage(await freePort());
    try {
      await stage.startServer();
      await play(stage);
      assert.deepEqual(stage.complaints, [], "no exception, no error in the console, no blocked resource, no dialog");
    } catch (failure) {
      await stage.report(name);
      throw failure;
    } finally {
      await stage.clear();
    }
  });
}

class Stage {
  complaints = [];
  #port;
  #server;
  #programs = [];
  #browser = null;
  #tabs = [];

  constructor(port) {
    this.#port = port;
  }

  get address() {
    return `http://localhost:${this.#port}/`;
  }

  async startServer() {
    const environment = { PORT: String(this.#port), ADMIN_PASSWORD: OPERATOR.password, PUBLISH_KEY: KEY };
    this.#server = Program.java(`${MAIN}.ServerKt`, [], environment);
    this.#programs.push(this.#server);
    await this.#answers();
  }

  async stopServer() {
    await this.#server.stop();
  }

  /** Clients that are connected; those that stall come one after the other. */
  async crowd(clients, stalled) {
    const crowd = Program.java(`${MAIN}.CrowdKt`, [String(this.#port), String(clients), String(stalled)]);
    this.#programs.push(crowd);
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

  /** A tab of its own; `complains` says which words in its console are to be expected. */
  async tab(path, { expected = /^$/, before = () => {}, ...options } = {}) {
    this.#browser ??= await launchBrowser();
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    this.#tabs.push(page);
    page.setDefaultTimeout(60_000);
    page.on("pageerror", (error) => this.complaints.push(String(error.stack ?? error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`a dialog opened: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !expected.test(message.text())) this.complaints.push(message.text());
    });
    await before(page);
    await page.goto(this.address + path);
    return page;
  }

  /** The admin page, as an operator sees it once it has looked. */
  async admin(path = "live-admin", options = {}) {
    const page = await this.tab(path, { httpCredentials: OPERATOR, ...options });
    await page.getByText("up to date at").waitFor();
    return page;
  }

  async report(name) {
    console.error([...this.#programs.map((program) => program.report()), "--- pages complained:", ...this.complaints, "---"].join("\n"));
    for (const [index, page] of this.#tabs.entries()) {
      const file = screenshotFile(`failed ${name.replace(/[^\w]+/g, "-")} ${index + 1}`);
      await page.screenshot({ path: file }).then(() => console.error(`see ${file}`), () => {});
    }
  }

  async clear() {
    await this.#browser?.close();
    await Promise.all(this.#programs.map((program) => program.stop("SIGKILL")));
  }

  async #answers() {
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline && this.#server.isRunning) {
      const answer = await fetch(this.address).catch(() => null);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50)); // between two looks, not instead of one
    }
    throw new Error(`the server does not serve ${this.address}`);
  }
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
