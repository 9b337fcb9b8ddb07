import { screenshotFile } from "../../../../testing/paths.js";
import { Stage, connected, expect, scenes } from "../../../../testing/stage.js";

const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const scene = scenes((port) => new Stage(port, "dev.live.samples.presence.ServerKt"));

scene("users join and leave, and two tabs with one name are one user", async (stage) => {
  const ann = await enter(stage, "Ann");
  const bob = await enter(stage, "Bob");
  await ann.getByText("2 people on 2 devices").waitFor();

  const phone = await enter(stage, "Bob", PHONE);
  for (const page of [ann, bob, phone]) await page.getByText("2 people on 3 devices").waitFor();
  await card(ann, "Bob").getByText("2 devices").waitFor();
  await card(phone, "Bob").getByText("you").waitFor();

  await phone.close();
  await ann.getByText("2 people on 2 devices").waitFor();
  await card(ann, "Bob").getByText("computer").waitFor();
});

scene("typing is shown to others, and ends on sending or on expiry", async (stage) => {
  const ann = await enter(stage, "Ann");
  const bob = await enter(stage, "Bob");
  await ann.getByText("2 people").waitFor();

  await seenDuring(
    () => bob.getByRole("textbox", { name: "Message" }).pressSequentially("hello"),
    ann.getByText("Bob is typing…"),
    card(ann, "Bob").locator(".signal i").first(),
  );
  await expect(bob.getByText("Bob is typing…")).toHaveCount(0);
  await bob.keyboard.press("Enter");
  await ann.locator("#typing", { hasText: /^$/ }).waitFor({ state: "attached" });

  await seenDuring(() => bob.keyboard.type("again"), ann.getByText("Bob is typing…"));
  await ann.getByText("Bob is typing…").waitFor({ state: "detached" }); // by expiry

  const wave = '[data-name="Ann"][data-signal="wave"]';
  await seenDuring(() => ann.getByRole("button", { name: "Wave" }).click(), ann.locator(wave), bob.locator(wave));
});

scene("a lost connection is shown with its time, and all users return after the reconnect", async (stage) => {
  const ann = await enter(stage, "Ann");
  const bob = await enter(stage, "__proto__");
  const mallory = await enter(stage, "<img src=x onerror=alert(1)>");
  for (const page of [ann, bob, mallory]) await page.getByText("3 people on 3 devices").waitFor();

  await stage.stopServer("SIGKILL");
  await ann.getByText("Connection lost.").waitFor();
  await ann.getByText("Reconnecting", { exact: true }).waitFor();
  await ann.getByText(/^Connection lost at .*: this list may be outdated$/).waitFor();
  await ann.screenshot({ path: screenshotFile("reconnecting"), animations: "disabled" });
  await stage.startServer();
  for (const page of [ann, bob, mallory]) {
    await connected(page);
    await page.locator("body:not(.stale)").waitFor();
    await page.getByText("3 people on 3 devices").waitFor();
  }
  await expect(ann.locator("#people img")).toHaveCount(0);
});

scene("takes screenshots of the page", async (stage) => {
  const welcome = await stage.blankTab();
  await welcome.goto(stage.address);
  await welcome.getByLabel("Your name").fill("Ann Lee");
  await welcome.screenshot({ path: screenshotFile("welcome"), animations: "disabled" });

  const ann = await enter(stage, "Ann Lee");
  const [bob, mei] = [await enter(stage, "Bob", { colorScheme: "dark" }), await enter(stage, "Mei Tan", PHONE)];
  await enter(stage, "Mei Tan");
  for (const name of ["Zoë", "Kim van Dyke"]) await enter(stage, name);
  await ann.getByText("5 people on 6 devices").waitFor();
  await seenDuring(
    () =>
      Promise.all([
        mei.getByRole("textbox").pressSequentially("hello"),
        bob.getByRole("button", { name: "Wave" }).click(),
      ]),
    ann.locator('[data-name="Bob"][data-signal="wave"]'),
    ann.getByText("Mei Tan is typing…"),
  );
  for (const [page, name] of [
    [ann, "light"],
    [bob, "dark"],
    [mei, "phone"],
  ])
    await page.screenshot({ path: screenshotFile(name), animations: "disabled" });
});

/**
 * Runs the action and waits for states that last for seconds: the waits begin first, so that a slow machine
 * misses none.
 */
async function seenDuring(action, ...states) {
  await Promise.all([...states.map((state) => state.waitFor()), action()]);
}

async function enter(stage, name, options = {}) {
  const page = await stage.blankTab({ viewport: { width: 1000, height: 620 }, ...options });
  await page.goto(stage.address);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Join" }).click();
  await connected(page);
  return page;
}

function card(page, name) {
  return page.locator(`.person[data-name="${name}"]`);
}
