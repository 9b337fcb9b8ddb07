import { Stage, connected, expect, scenes } from "../../../../testing/stage.js";

const scene = scenes((port) => new Stage(port, "dev.live.samples.proxies.ServerKt"));

scene("a page without a proxy shows its own route, and both clocks run", async (stage) => {
  const page = await stage.blankTab();
  await page.goto(stage.address);
  await connected(page);

  await expect(page.locator("#address")).toHaveText(/^(127\.0\.0\.1|[0:]+1)$/);
  await expect(page.locator("#site")).toHaveText(new URL(stage.address).origin);
  await expect(page.locator("#socket-clock")).toHaveText(/^\d+$/);
  await expect(page.locator("#event-clock")).toHaveText(/^\d+$/);
  await expect(page.locator("#advice")).toBeHidden();
});
