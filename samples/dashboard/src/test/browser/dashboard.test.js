import { screenshotFile } from "../../../../testing/paths.js";
import { Stage, connected, expect, scenes } from "../../../../testing/stage.js";

const scene = scenes((port) => new Stage(port, "dev.live.samples.dashboard.ServerKt"));

scene("the plots start with the last minute, update, and show the value under the pointer", async (stage) => {
  await measured(stage, 200);
  const page = await open(stage);
  const heap = page.getByRole("region", { name: "Heap in use" });

  await expect.poll(() => width(heap), "width of the line").toBeGreaterThan(10);
  const atFirst = await width(heap);
  await page.waitForFunction((before) => document.querySelector(".line").getBBox().width > before + 5, atFirst);
  const { x, y, width: wide, height } = await heap.locator("svg").first().boundingBox();
  await page.mouse.move(x + wide - 20, y + height / 2);
  await heap.getByText(/^[\d.]+ MiB · \d+\.\d s ago$/).waitFor();
  await heap
    .getByRole("img", { name: /^Heap in use: [\d.]+ MiB, between [\d.]+ and [\d.]+ in the last minute$/ })
    .waitFor();
});

scene("a reconnect leaves no gap, and a server restart shows the lost data", async (stage) => {
  await measured(stage, 200);
  const page = await open(stage);
  const heap = page.getByRole("region", { name: "Heap in use" });

  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByText("You disconnected.").waitFor();
  await measured(stage, 150);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByText(/^Caught up: \d+ missed values received\.$/).waitFor();
  await expect(page.locator(".gap"), "only the one in the legend").toHaveCount(1);
  await expect(heap.locator(".line")).toHaveCount(1);

  await stage.stopServer("SIGKILL");
  await page.getByText("Connection lost.").waitFor();
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 2_500))); // long enough for a visible gap
  await stage.startServer();
  await page.getByText("Some data is lost: it is no longer in the history of the server.").waitFor();
  await heap.locator(".gap").waitFor();
  await heap.locator(".line").nth(1).waitFor();
  await page.screenshot({ path: screenshotFile("lost"), animations: "disabled" });
});

scene("takes screenshots of the page", async (stage) => {
  const pages = [];
  for (const options of [{}, { colorScheme: "dark" }, { viewport: { width: 390, height: 900 } }])
    pages.push(await open(stage, options));
  await measured(stage, 600);
  for (const [index, name] of ["light", "dark", "narrow"].entries())
    await pages[index].screenshot({ path: screenshotFile(name), animations: "disabled" });
});

async function open(stage, options = {}) {
  const page = await stage.blankTab({ viewport: { width: 1180, height: 640 }, ...options });
  await page.goto(stage.address);
  await connected(page);
  await page.locator(".line").first().waitFor();
  return page;
}

async function width(plot) {
  // in one call: the line is redrawn all the time
  return plot.evaluate((node) => node.querySelector(".line").getBBox().width);
}

/** Waits until the server has measured `values` more values. */
async function measured(stage, values) {
  const offset = async () => (await (await fetch(`${stage.address}last-minute`)).json()).position.offset;
  const target = (await offset()) + values;
  while ((await offset()) < target) await new Promise((resolve) => setTimeout(resolve, 50)); // polling interval
}
