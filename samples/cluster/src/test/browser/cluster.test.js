import { screenshotFile } from "../../../../testing/paths.js";
import { Stage, expect, scenes } from "../../../../testing/stage.js";

const environment = { BALANCER_PORT: "0" };
const scene = scenes((port) => new Stage(port, "dev.live.samples.cluster.MainKt", environment));

scene(
  "messages show the nodes that they cross, and a client of a killed node continues on another one",
  async (stage) => {
    const page = await open(stage);
    await page.getByLabel("Message of Ann").fill("hello");
    await page.keyboard.press("Enter");
    const sentOn = await nodeOf(page, "Ann");
    for (const name of ["Ann", "Bob", "Cleo"]) {
      const route = `sent on node ${sentOn}, delivered through node ${await nodeOf(page, name)}`;
      await client(page, name).locator("li", { hasText: "Ann hello" }).getByLabel(route).waitFor();
    }

    await page.getByRole("button", { name: "Let the clients talk" }).click();
    const killed = await nodeOf(page, "Bob");
    await page
      .getByRole("article", { name: `Node ${killed}` })
      .getByRole("button", { name: "Kill" })
      .click();
    await page
      .getByRole("article", { name: `Node ${killed}` })
      .getByText("ended")
      .waitFor();
    await client(page, "Bob")
      .getByText(/continues on node .*, \d+ missed messages follow/)
      .waitFor();
    await client(page, "Bob").getByText("1 reconnects, 0 gaps").waitFor();
    await expect.poll(() => client(page, "Bob").locator(".note").count()).toBeGreaterThan(8);
    await page.screenshot({ path: screenshotFile("killed"), animations: "disabled" });

    await page.keyboard.press(String("ABC".indexOf(killed) + 1));
    await page
      .getByRole("article", { name: `Node ${killed}` })
      .getByText("ready")
      .waitFor();
  },
);

scene("Redis is stopped and continues, and no client reports a gap", async (stage) => {
  const page = await open(stage);

  await page.keyboard.press("s");
  await page.getByRole("article", { name: "Redis" }).getByText("no answer").waitFor();
  await page.getByRole("article", { name: "Node A" }).getByText("broker away").waitFor();
  await page.screenshot({ path: screenshotFile("redis-stopped"), animations: "disabled" });
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("article", { name: "Redis" }).getByText("answers").waitFor();
  for (const node of ["A", "B", "C"])
    await page
      .getByRole("article", { name: `Node ${node}` })
      .getByText("ready")
      .waitFor();

  await page.getByLabel("Message of Cleo").fill("after");
  await page.keyboard.press("Enter");
  await client(page, "Ann").locator("li", { hasText: "Cleo after" }).waitFor();
  for (const name of ["Ann", "Bob", "Cleo"]) await expect(client(page, name).getByText("0 gaps")).toHaveCount(1);
});

scene("all nodes restart one after the other, and no client reports a gap", async (stage) => {
  const page = await open(stage);
  const processes = () => page.locator("#nodes .details").allTextContents();
  const before = await processes();

  await page.keyboard.press("t");
  await page.keyboard.press("r");
  await page.getByText("draining").first().waitFor();
  await expect.poll(async () => (await processes()).some((process) => before.includes(process))).toBe(false);
  await expect(page.getByRole("button", { name: "Restart all" })).toBeEnabled();

  await expect(page.locator("#nodes .status")).toHaveText(["ready", "ready", "ready"]);
  for (const name of ["Ann", "Bob", "Cleo"]) {
    await expect(client(page, name).getByText(/[1-9]\d* reconnects, 0 gaps/)).toHaveCount(1);
    await expect.poll(() => client(page, name).locator(".note").count()).toBeGreaterThan(0);
  }
});

/** Opens the page, and waits until each client is connected to a node of its own. */
async function open(stage) {
  const page = await stage.blankTab({ viewport: { width: 1180, height: 720 } });
  await page.goto(stage.address);
  await expect(page.locator("#nodes .status")).toHaveText(["ready", "ready", "ready"]);
  await expect(page.locator(".where .chip")).toHaveCount(3);
  return page;
}

function client(page, name) {
  return page.getByRole("article", { name, exact: true });
}

async function nodeOf(page, name) {
  return client(page, name).locator(".where .chip").textContent();
}
