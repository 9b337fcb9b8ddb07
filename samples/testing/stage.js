/**
 * What a test plays on: one server of a sample, tabs, other programs. Cleans up after it, and when the test fails shows
 * what everybody said and saw.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { expect as playwrightExpect } from "@playwright/test";
import { launchBrowser } from "./browser.js";
import { Program } from "./program.js";
import { screenshotFile } from "./places.js";

/**
 * Assertions on a page, which retry until they hold: `await expect(locator).toHaveText("ready")`. A page changes some time
 * after a click, so a test never compares a value of the page that it has read once.
 */
export const expect = playwrightExpect.configure({ timeout: 120_000 });

/** A function like `test` that gives each test a stage of its own, made by `createStage(port)`. */
export function scenes(createStage) {
  return (name, play) => {
    test(name, { timeout: 600_000 }, async () => {
      const stage = createStage(await freePort());
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
  };
}

export class Stage {
  #port;
  #mainClass;
  #environment;
  #server;
  #programs = [];
  #browser = null;
  #tabs = [];
  #complaints = [];

  /**
   * @param mainClass of the server, which serves its page on the port in `PORT`
   * @param environment what the server is told beside that
   */
  constructor(port, mainClass, environment = {}) {
    this.#port = port;
    this.#mainClass = mainClass;
    this.#environment = environment;
  }

  get port() {
    return this.#port;
  }

  get address() {
    return `http://localhost:${this.#port}/`;
  }

  async startServer() {
    const environment = { ...this.#environment, PORT: String(this.#port) };
    this.#server = this.run(this.#mainClass, [], { variable: "SAMPLE_SERVER", environment });
    await this.#answers();
  }

  /** Ends the server's process, by its id. */
  async stopServer(signal) {
    await this.#server.stop(signal);
  }

  /** What the server has said, once that matches. */
  async serverOutput(pattern) {
    await this.#server.waitFor(pattern);
    return this.#server.output;
  }

  /** Starts another program of the sample, which ends with the test. */
  run(mainClass, parameters, options = {}) {
    const program = Program.java(mainClass, parameters, options);
    this.#programs.push(program);
    return program;
  }

  /** A tab with a browser profile of its own, and no page loaded; `expected` says which words in its console are no fault. */
  async blankTab({ expected = /^$/, ...options } = {}) {
    this.#browser ??= await launchBrowser();
    const context = await this.#browser.newContext({ viewport: { width: 1180, height: 760 }, ...options });
    const page = await context.newPage();
    this.#tabs.push(page);
    page.setDefaultTimeout(120_000);
    page.on("pageerror", (error) => this.#complaints.push(String(error.stack ?? error)));
    page.on("dialog", (dialog) => {
      this.#complaints.push(`a dialog opened: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("console", (message) => {
      // While a server is away the browser itself reports every failed attempt.
      const isFault = ["error", "warning"].includes(message.type()) && !/WebSocket connection to/.test(message.text());
      if (isFault && !expected.test(message.text())) this.#complaints.push(message.text());
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
    const deadline = Date.now() + 120_000;
    while (Date.now() < deadline && this.#server.isRunning) {
      const answer = await fetch(this.address).catch(() => null);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50)); // between two looks, not instead of one
    }
    throw new Error(`the server does not serve ${this.address}`);
  }
}

export async function connected(page) {
  await page.locator('.connection[data-state="connected"]').waitFor();
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** The text as a regular expression that matches nothing else. */
export function exactly(text) {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}
