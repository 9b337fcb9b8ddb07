/**
 * What a test plays on: one chat server, tabs, terminal clients. Cleans up after it, and when the test fails shows
 * what everybody said and saw.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { launchBrowser } from "./browser.js";
import { Program } from "./program.js";
import { screenshotFile } from "./places.js";

const MAIN = "dev.live.samples.chat";

/** A test with a stage of its own. */
export function scene(name, play) {
  test(name, { timeout: 180_000 }, async () => {
    const stage = new Stage(await freePort());
    try {
      await stage.startServer();
      await play(stage);
      stage.checkPages();
    } catch (failure) {
      await stage.report(name);
      throw failure;
    } finally {
      await stage.clear();
    }
  });
}

class Stage {
  #port;
  #server;
  #programs = [];
  #browser = null;
  #tabs = [];
  #complaints = [];

  constructor(port) {
    this.#port = port;
  }

  get address() {
    return `http://localhost:${this.#port}/`;
  }

  async startServer() {
    this.#server = Program.java(`${MAIN}.ServerKt`, [], { variable: "CHAT_SERVER", environment: { PORT: String(this.#port) } });
    this.#programs.push(this.#server);
    await this.#answers();
  }

  /** Ends the server's process, by its id. */
  async stopServer(signal) {
    await this.#server.stop(signal);
  }

  get serverOutput() {
    return this.#server.output;
  }

  /** A terminal client in a room, connected. */
  async terminal(name, room, mainClass = "TerminalKt") {
    const url = `ws://localhost:${this.#port}/live`;
    const program = Program.java(`${MAIN}.${mainClass}`, ["--name", name, "--room", room, "--url", url], { variable: "CHAT_TERMINAL" });
    this.#programs.push(program);
    await program.waitFor(/^\* connected/m);
    return program;
  }

  /** A tab with a browser profile of its own, the name entered, connected. */
  async tab(name, { hash = "", ...options } = {}) {
    const page = await this.blankTab(options);
    await page.goto(this.address + hash);
    await page.getByLabel("Your name").fill(name);
    await page.getByRole("button", { name: "Start chatting" }).click();
    await connected(page);
    return page;
  }

  /** The same before any page is loaded. */
  async blankTab(options = {}) {
    this.#browser ??= await launchBrowser();
    const context = await this.#browser.newContext({ viewport: { width: 1180, height: 760 }, ...options });
    const page = await context.newPage();
    this.#tabs.push(page);
    page.setDefaultTimeout(30_000);
    page.on("pageerror", (error) => this.#complaints.push(String(error.stack ?? error)));
    page.on("dialog", (dialog) => {
      this.#complaints.push(`a dialog opened: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("console", (message) => {
      // While a server is away the browser itself reports every failed attempt.
      if (["error", "warning"].includes(message.type()) && !/WebSocket connection to/.test(message.text())) this.#complaints.push(message.text());
    });
    return page;
  }

  /** No exception, no error in the console, no blocked resource, no dialog. */
  checkPages() {
    assert.deepEqual(this.#complaints, []);
  }

  async report(name) {
    console.error([...this.#programs.map((program) => program.report()), "--- pages complained:", ...this.#complaints, "---"].join("\n"));
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

export async function connected(page) {
  await page.locator('#connection[data-state="connected"]').waitFor();
}

export async function say(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByLabel("Message", { exact: true }).press("Enter");
}

/** Waits until a message with exactly this text stands in the room in view; `from` is null for one's own. */
export async function sees(page, text, from) {
  const message = page.locator("#log .message", { has: page.locator(".text", { hasText: new RegExp(`^${escape(text)}$`) }) });
  await message.first().waitFor();
  assert.equal(await message.count(), 1, `"${text}" stands there once`);
  if (from === null) await page.locator(".message.own:not([data-state])", { has: page.getByText(text, { exact: true }) }).waitFor();
  if (from) assert.equal(await authorOf(message), from);
}

/** The author stands above the first message of a group. */
async function authorOf(message) {
  return message.evaluate((node) => {
    let first = node;
    while (!first.classList.contains("first")) first = first.previousElementSibling;
    return first.querySelector(".author").textContent;
  });
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function escape(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
