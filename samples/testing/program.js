/** A program under test: a separate process, with its output kept for the report. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { classpath } from "./paths.js";

export class Program {
  output = "";
  #child;
  #name;
  #exited;

  constructor(name, command, environment = {}) {
    this.#name = name;
    this.#child = spawn(command[0], command.slice(1), { env: { ...process.env, ...environment } });
    this.#exited = once(this.#child, "exit");
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        this.output += text;
        this.#child.emit("output");
      });
    }
  }

  /** Runs a main class of the sample. The environment variable `variable` can name another program to run instead. */
  static java(mainClass, parameters, { variable, environment }) {
    const instead = process.env[variable];
    const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin", "java") : "java";
    const command = instead ? instead.split(" ") : [java, "-cp", classpath(), mainClass];
    return new Program(mainClass, [...command, ...parameters], environment);
  }

  get isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The length of the output so far, for the `since` of `waitFor`. */
  mark() {
    return this.output.length;
  }

  /** Waits until the output after `since` matches. */
  async waitFor(pattern, { since = 0, withinMs = 120_000 } = {}) {
    const deadline = AbortSignal.timeout(withinMs);
    while (!pattern.test(this.output.slice(since))) {
      if (!this.isRunning) throw new Error(`${this.#name} ended before it printed ${pattern}\n${this.report()}`);
      try {
        await Promise.race([once(this.#child, "output", { signal: deadline }), this.#exited]);
      } catch {
        throw new Error(`${this.#name} did not print ${pattern} within ${withinMs} ms\n${this.report()}`);
      }
    }
  }

  type(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Sends the signal without waiting. */
  signal(name) {
    this.#child.kill(name);
  }

  /** Sends the signal and waits for the exit. A program that ignores SIGTERM for 60 s is killed and fails the test. */
  async stop(signal = "SIGTERM") {
    if (!this.isRunning) return;
    this.#child.kill(signal);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#child.kill("SIGKILL");
    }, 60_000);
    await this.#exited;
    clearTimeout(timer);
    if (isLate) throw new Error(`${this.#name} did not exit within 60 s after ${signal}\n${this.report()}`);
  }

  report() {
    return `--- output of ${this.#name}:\n${this.output.trimEnd() || "(nothing)"}\n---`;
  }
}
