import assert from "node:assert/strict";
import { Stage, connected, scenes } from "../../../../testing/stage.js";

const scene = scenes((port) => new Stage(port, "dev.live.samples.proxies.ServerKt"));

scene("a page without a proxy shows its own route, and both clocks run", async (stage) => {
  const page = await stage.blankTab();
  await page.goto(stage.address);
  await connected(page);

  await page.locator("#address", { hasText: /^(127\.0\.0\.1|[0:]+1)$/ }).waitFor();
  await page.locator("#site", { hasText: new URL(stage.address).origin }).waitFor();
  await page.locator("#socket-clock", { hasText: /^\d+$/ }).waitFor();
  await page.locator("#event-clock", { hasText: /^\d+$/ }).waitFor();
  assert.equal(await page.locator("#advice").isVisible(), false); // decided before the site was shown
});
