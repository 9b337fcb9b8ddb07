/** Tests the admin page in a browser. */
import assert from "node:assert/strict";
import { screenshotFile } from "../../../../testing/paths.js";
import { expect, scene } from "./operator.js";

scene("slow sessions are listed first among a thousand, with the dropped messages", async (stage) => {
  await stage.crowd(1000, 12);
  const page = await stage.admin();
  const line = { topic: "log/trace", data: { text: "-".repeat(3_900) } };

  // publish until the socket buffers of the stalled clients are full, and messages queue up in the server
  while ((await stage.overview()).queues.slow === 0) await stage.publish(Array(8).fill(line));
  await page
    .locator("#slow .slow", { hasText: /stalled-\d+/ })
    .first()
    .waitFor();
  await page.locator("#sessions tbody tr.slow-row", { hasText: "stalled-" }).first().waitFor();
  await page.screenshot({ path: screenshotFile("admin") });
  await page.locator("#lost", { hasText: "replaced by newer messages" }).waitFor();
  await page.locator("#lost code", { hasText: "prices/all" }).waitFor();
  await expect(page.locator("section", { has: page.locator("#sessions") }).locator(".pages")).toHaveText(
    /1 to 20 of (9|10)\d\d/,
  );

  await page.getByLabel("Filter").first().fill("reader-0007");
  await page.locator("#sessions tbody tr").nth(1).waitFor({ state: "detached" });
  await expect(page.locator("#sessions tbody")).toHaveText(/reader-0007/);
});

scene("names from clients are shown as text everywhere", async (stage) => {
  const name = `<img src=x onerror="alert('user')">`;
  const topic = `prices/<img src=x onerror="alert('topic')">`;
  const visitor = await stage.tab("");
  await visitor.evaluate(
    ([name, topic]) => {
      window.socket = new WebSocket(`ws://${location.host}/live?name=${encodeURIComponent(name)}`);
      socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", topic }));
    },
    [name, topic],
  );

  const page = await stage.admin("live-admin/"); // also with a trailing slash
  await page.locator("#topics", { hasText: topic }).waitFor();
  await page.locator("#sessions", { hasText: name }).waitFor();
  await page.locator("#sessions tbody tr", { hasText: name }).getByRole("button").click();
  await page.locator("#kick-target", { hasText: name }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("#topics tbody tr", { hasText: topic }).getByRole("button").click();

  await expect(page.getByLabel("Topic", { exact: true })).toHaveValue(topic);
  await expect(page.locator("img")).toHaveCount(0);
});

scene(
  "an operator publishes, and disconnects a client, which shows the reason and does not reconnect",
  async (stage) => {
    const prices = await stage.tab("");
    await prices.getByText("connected").waitFor();
    const page = await stage.admin("live-admin", { expected: /status of 400/ }); // logged by the browser

    await page.locator("#topics tbody tr", { hasText: "prices/all" }).getByRole("button").click();
    await page.getByLabel("Data (JSON)").fill(`{"symbol":"NEW","cents":12345}`);
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.getByText("Published to 1 subscriber", { exact: true }).waitFor();
    await prices.getByText("NEW 123.45").waitFor();

    await page.locator("#topics tbody tr", { hasText: "prices/all" }).getByRole("button").click();
    await page.getByLabel("Data (JSON)").fill(`{"symbol":7}`);
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.getByText("Request failed").waitFor();

    await page.locator("#sessions tbody tr", { hasText: "page" }).getByRole("button").click();
    await page.getByLabel("Reason (sent to the client)").fill("enough for today");
    await page.locator("#kick").getByRole("button", { name: "Disconnect" }).click();
    await page.getByText("Disconnected 1 session", { exact: true }).waitFor();
    await prices.getByText("closed: enough for today (4403)").waitFor();
    await expect(prices.locator("#state")).toHaveText("closed: enough for today (4403)");
  },
);

scene("the page polls while visible, and not while hidden", async (stage) => {
  const page = await stage.admin("live-admin", {
    before: async (page) => {
      await page.clock.install();
      await page.addInitScript(() =>
        Object.defineProperty(document, "hidden", { get: () => window.isHidden ?? false }),
      );
    },
  });
  let looks = 0;
  page.on("request", (request) => request.url().endsWith("/api/overview") && looks++);

  const second = page.waitForResponse(/overview/);
  await page.clock.runFor(2_000);
  await second;
  await page.getByText("updated at").waitFor();
  await page.evaluate(() => (window.isHidden = true));
  await page.clock.runFor(2_000);
  const before = looks;
  await page.clock.runFor(60_000);
  assert.equal(looks, before);

  const again = page.waitForResponse(/overview/);
  await page.evaluate(() => {
    window.isHidden = false;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await again;
});

scene("an event stream reconnects after a server restart", async (stage) => {
  const prices = await stage.tab("", { expected: /Failed to load resource|ERR_/ });
  await prices.getByText("connected").waitFor();

  await stage.stopServer();
  await prices.getByText("closed: server restart (1012)").waitFor();
  await stage.startServer();

  await prices.getByText("connected").waitFor();
  await stage.publish({ topic: "prices/all", data: { symbol: "NEW", cents: 12345 } });
  await prices.getByText("NEW 123.45").waitFor();
});
