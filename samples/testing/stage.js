/**
 * The fixture of a browser test: one server of a sample, tabs and other programs. Cleans up after the test. If the test
 * fails, it prints the programs' output and takes screenshots.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { expect as playwrightExpect } from "@playwright/test";
import { launchBrowser } from "./browser.js";
import { Program } from "./program.js";
import { screenshotFile } from "./paths.js";

/**
 * Assertions on a page that retry until they pass: `await expect(locator).toHaveText("ready")`. A page updates
 * asynchronously, so a test never compares a value that it read from the page only once.
 */
export const expect = playwrightExpect.configure({ timeout: 120_000 });

/** Returns a function like `test` that creates a stage per test with `createStage(port)`. */
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
  #pageErrors = [];

  /**
   * @param mainClass main class of the server, which reads its port from `PORT`
   * @param environment further environment variables of the server
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
    await this.#awaitReady();
  }

  /** Stops the server process. */
  async stopServer(signal) {
    await this.#server.stop(signal);
  }

  /** Waits for a match in the server's output, and returns the output. */
  async serverOutput(pattern) {
    await this.#server.waitFor(pattern);
    return this.#server.output;
  }

  /** Starts another program of the sample, which is stopped after the test. */
  run(mainClass, parameters, options = {}) {
    const program = Program.java(mainClass, parameters, options);
    this.#programs.push(program);
    return program;
  }

  /**
   * Opens a blank tab with its own browser profile. Console messages that match `expected` are not reported as errors.
   */
  async blankTab({ expected = /^$/, ...options } = {}) {
    this.#browser ??= await launchBrowser();
    const context = await this.#browser.newContext({ viewport: { width: 1180, height: 760 }, ...options });
    const page = await context.newPage();
    this.#tabs.push(page);
    page.setDefaultTimeout(120_000);
    page.on("pageerror", (error) => this.#pageErrors.push(String(error.stack ?? error)));
    page.on("dialog", (dialog) => {
      this.#pageErrors.push(`a dialog opened: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("console", (message) => {
      // The browser logs every failed WebSocket attempt while a server is down.
      const isFault = ["error", "warning"].includes(message.type()) && !/WebSocket connection to/.test(message.text());
      if (isFault && !expected.test(message.text())) this.#pageErrors.push(message.text());
    });
    return page;
  }

  /** Checks that the pages had no exception, console error, blocked resource or dialog. */
  checkPages() {
    assert.deepEqual(this.#pageErrors, []);
  }

  async report(name) {
    console.error(
      [
        ...this.#programs.map((program) => program.report()),
        "--- errors of the pages:",
        ...this.#pageErrors,
        "---",
      ].join("\n"),
    );
    for (const [index, page] of this.#tabs.entries()) {
      const file = screenshotFile(`failed ${name.replace(/[^\w]+/g, "-")} ${index + 1}`);
      await page.screenshot({ path: file }).then(
        () => console.error(`see ${file}`),
        () => {},
      );
    }
  }

  async clear() {
    await this.#browser?.close();
    await Promise.all(this.#programs.map((program) => program.stop("SIGKILL")));
  }

  async #awaitReady() {
    const deadline = Date.now() + 120_000;
    while (Date.now() < deadline && this.#server.isRunning) {
      const response = await fetch(this.address).catch(() => null);
      if (response?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50)); // polling interval
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

/** A regular expression that matches exactly this text. */
export function exactly(text) {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}
