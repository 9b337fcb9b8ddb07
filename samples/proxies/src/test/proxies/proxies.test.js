/** Tests every configuration of docs/proxies.md with the real proxy, server and browser. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launchBrowser } from "../../../../testing/browser.js";
import { connected, expect } from "../../../../testing/stage.js";
import { PROXIES } from "./support/proxies.js";
import { CLIENT_ADDRESS, FORGED_ADDRESS, World, certificates, until } from "./support/world.js";

/** Longer than one minute, the usual idle timeout of proxies. */
const SILENCE_MS = Number(process.env.SILENCE_MS ?? 70_000);

const chosen = process.env.PROXIES?.split(" ") ?? Object.keys(PROXIES);
let browser;
let files;

before(async () => {
  browser = await launchBrowser();
  files = certificates();
});
after(async () => {
  await browser?.close();
  rmSync(files, { recursive: true, force: true });
});

// in parallel, because the tests mostly wait for the idle timeout
describe("docs/proxies.md", { concurrency: true }, () => {
  for (const name of chosen) {
    describe(name, { concurrency: false }, () => {
      const world = new World(name, PROXIES[name]);
      let isRed = false;
      const check = (title, play) =>
        test(title, async () => {
          try {
            await play();
          } catch (failure) {
            isRed = true;
            throw failure;
          }
        });

      before(async () => {
        try {
          await world.start(files);
        } catch (failure) {
          console.error(world.report());
          throw failure;
        }
      });
      after(async () => {
        if (isRed) console.error(world.report());
        await world.stop();
      });

      check("a page of the same origin connects, and both clocks run", async () => {
        const context = await browser.newContext({ ignoreHTTPSErrors: true });
        const page = await context.newPage();
        await page.goto(world.page);
        await connected(page);
        for (const clock of ["#socket-clock", "#event-clock"]) {
          await expect(page.locator(clock)).toHaveText(/^\d+$/);
          await expect(page.locator(clock)).not.toHaveText(await page.locator(clock).textContent());
        }
        await expect(page.locator("#address")).toHaveText(/^(127\.0\.0\.1|[0:]+1)$/);
        await expect(page.locator("#site")).toHaveText(world.origin);
        await expect(page.locator("#advice")).toBeHidden();
        await context.close();
      });

      if (PROXIES[name].tls) {
        const { extendedConnect } = PROXIES[name];
        check(`HTTP/2 ${extendedConnect ? "carries" : "does not carry"} WebSockets`, async () => {
          assert.equal(await world.offersExtendedConnect(), extendedConnect);
        });
      }

      check("the server sees the client's address, also with forged headers", async () => {
        for (const header of ["x-forwarded-for", "forwarded", "x-real-ip", "client-ip"]) {
          const client = await world.client({
            [header]: header === "forwarded" ? `for=${FORGED_ADDRESS}` : FORGED_ADDRESS,
          });
          const response = await client.request({ type: "route", data: "" });
          assert.equal(response.data.address, CLIENT_ADDRESS, `with ${header}`);
          client.close();
        }
      });

      check("a page of another origin is rejected", async () => {
        await assert.rejects(world.client({ origin: "https://elsewhere.example" }), /HTTP 403/);
      });

      check("server-sent events are not buffered, also with gzip", async () => {
        const response = await world.get("/live/sse?topic=clock", {
          "accept-encoding": "gzip, br",
          accept: "text/event-stream",
        });
        assert.equal(response.statusCode, 200);
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        await until("three events", () => text.split('"type":"message"').length > 3);
        response.destroy();
      });

      check("an idle session stays connected for more than a minute", async () => {
        const client = await world.client();
        await client.request({ type: "subscribe", topic: "lines" });
        await pause(SILENCE_MS); // tests the idle time itself
        assert.ok(client.isOpen);
        await client.request({ type: "publish", topic: "lines", data: "still connected" });
        await client.receive((message) => message.data === "still connected", "the message");
        client.close();
      });

      check(
        `a reload of the proxy ${PROXIES[name].kept ? "keeps" : "closes"} its sessions, and new ones connect`,
        async () => {
          const client = await world.client();
          await world.reload();
          if (!PROXIES[name].kept) await client.closed;
          await pause(5_000); // covers proxies that close connections late
          assert.equal(client.isOpen, PROXIES[name].kept);
          if (client.isOpen) await client.request({ type: "subscribe", topic: "lines" });
          const other = await world.client();
          await other.request({ type: "subscribe", topic: "lines" });
          client.close();
          other.close();
        },
      );

      check("clients receive a drain: goodbye and close code 1012", async () => {
        const client = await world.client();
        await client.request({ type: "subscribe", topic: "lines" });
        const response = await world.get("/live/sse?topic=lines");
        let text = "";
        response
          .setEncoding("utf8")
          .on("data", (chunk) => (text += chunk))
          .on("error", () => {});

        await world.stopServer();

        const goodbye = await client.receive((message) => message.type === "goodbye", "goodbye");
        assert.equal(goodbye.data.code, 1012);
        assert.equal((await client.closed).code, 1012);
        await until("the stream's close event", () => /event: ?close/.test(text));
        assert.match(text, /"code":1012/);
      });
    });
  }
});
