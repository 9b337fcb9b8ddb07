/** The test fixture: a server of the sample behind a proxy, and clients. All run on localhost. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as http } from "node:http";
import { connect } from "node:http2";
import { request as https } from "node:https";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { Program } from "../../../../../testing/program.js";
import { blockOf } from "./blocks.js";

/** A loopback address other than 127.0.0.1. */
export const CLIENT_ADDRESS = "127.0.0.2";

/** A documentation address (RFC 5737) for forged headers. */
export const FORGED_ADDRESS = "203.0.113.9";

const HANG_MS = 120_000;

/** A certificate for localhost, in the three formats that the proxies need. */
export function certificates() {
  const folder = mkdtempSync(join(tmpdir(), "live-certificates-"));
  const parameters =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem";
  const { status, stderr } = spawnSync("openssl", parameters.split(" "), { cwd: folder });
  assert.equal(status, 0, String(stderr));
  writeFileSync(
    join(folder, "both.pem"),
    readFileSync(join(folder, "cert.pem")) + readFileSync(join(folder, "key.pem")),
  );
  return folder;
}

export class World {
  #name;
  #proxy;
  #folder = mkdtempSync(join(tmpdir(), "live-proxy-"));
  #ports;
  #server;
  #process;

  constructor(name, proxy) {
    this.#name = name;
    this.#proxy = proxy;
  }

  async start(certificates) {
    chmodSync(this.#folder, 0o755);
    const [backend, tls, plain, admin] = await Promise.all(Array.from({ length: 4 }, freePort));
    this.#ports = { backend, tls, http: plain, admin };
    this.#server = Program.java("dev.live.samples.proxies.ServerKt", [], { environment: { PORT: String(backend) } });
    await this.#server.waitFor(/sample is running at/, { withinMs: HANG_MS });
    const block = blockOf(this.#name, this.#ports, certificates);
    for (const [name, text] of Object.entries(this.#proxy.files(block, this.#folder, this.#ports)))
      writeFileSync(join(this.#folder, name), text);
    this.#process = new Program(this.#name, this.#proxy.command(this.#folder, this.#ports));
    await this.#awaitReady();
  }

  get page() {
    return this.#proxy.tls ? `https://localhost:${this.#ports.tls}/` : `http://localhost:${this.#ports.http}/`;
  }

  get origin() {
    return new URL(this.page).origin;
  }

  async stopServer() {
    await this.#server.stop();
  }

  async reload() {
    const { reload } = this.#proxy;
    if (typeof reload === "string") return this.#process.signal(reload);
    const [command, ...parameters] = reload(this.#folder, this.#ports);
    const { status, stderr } = spawnSync(command, parameters);
    assert.equal(status, 0, String(stderr));
  }

  /** Connects a client from [CLIENT_ADDRESS], which records its received `messages`. */
  async client(headers = {}) {
    const client = new Client(new URL("live", this.page.replace(/^http/, "ws")).href, {
      origin: this.origin,
      ...headers,
    });
    await client.opened;
    return client;
  }

  /** Sends a GET; resolves when the response headers arrive. */
  async get(path, headers = {}) {
    const url = new URL(path, this.page);
    const request = (this.#proxy.tls ? https : http)(url, {
      headers,
      rejectUnauthorized: false,
      localAddress: CLIENT_ADDRESS,
      family: 4,
    });
    request.end();
    const [response] = await once(request, "response", { signal: AbortSignal.timeout(HANG_MS) });
    return response;
  }

  /** Whether the proxy supports WebSocket over HTTP/2. */
  async offersExtendedConnect() {
    const session = connect(this.page, { rejectUnauthorized: false, family: 4 });
    const [settings] = await once(session, "remoteSettings", { signal: AbortSignal.timeout(HANG_MS) });
    session.destroy();
    return settings.enableConnectProtocol;
  }

  report() {
    const log = join(this.#folder, "error.log"); // for proxies that do not log to stderr
    return [this.#process?.report(), this.#server?.report(), existsSync(log) ? readFileSync(log, "utf8") : ""].join(
      "\n",
    );
  }

  async stop() {
    await this.#process?.stop();
    await this.#server?.stop("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #awaitReady() {
    await until(`${this.#name} serves ${this.page}`, async () => {
      assert.ok(this.#process.isRunning, `${this.#name} ended`);
      const response = await this.get("/").catch(() => null);
      response?.resume();
      return response?.statusCode === 200;
    });
  }
}

class Client {
  messages = [];
  opened;
  closed;
  #socket;

  constructor(url, headers) {
    this.#socket = new WebSocket(url, "live.v1.json", {
      headers,
      rejectUnauthorized: false,
      localAddress: CLIENT_ADDRESS,
      family: 4,
    });
    this.#socket.on("message", (data) => this.messages.push(JSON.parse(data)));
    this.#socket.on("error", () => {});
    this.opened = new Promise((resolve, reject) => {
      this.#socket.once("open", resolve);
      this.#socket.once("unexpected-response", (_, response) => reject(new Error(`HTTP ${response.statusCode}`)));
      this.#socket.once("error", reject);
    });
    this.closed = new Promise((resolve) =>
      this.#socket.once("close", (code, reason) => resolve({ code, reason: String(reason) })),
    );
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  /** Sends a message and resolves to the response with its `ref`. */
  async request(message) {
    const ref = `r${Math.random()}`;
    this.send({ ...message, ref });
    return this.receive((response) => response.ref === ref, `the response to ${message.type}`);
  }

  async receive(matches, description) {
    await until(description, () => this.messages.some(matches) || !this.isOpen);
    const message = this.messages.find(matches);
    assert.ok(message, `${description} was not received: ${JSON.stringify(this.messages)}`);
    return message;
  }

  close() {
    this.#socket.terminate();
  }
}

/** Polls until `condition` is true. Only a hang reaches the timeout. */
export async function until(description, condition) {
  const deadline = Date.now() + HANG_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`timed out after ${HANG_MS} ms: ${description}`);
    await new Promise((resolve) => setTimeout(resolve, 50)); // polling interval
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
