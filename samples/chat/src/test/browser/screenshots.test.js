import { screenshotFile } from "../../../../testing/paths.js";
import { connected, send, scene, expectMessage } from "./support/chat.js";

const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

scene("takes screenshots of the page", async (stage) => {
  const welcome = await stage.blankTab();
  await welcome.goto(stage.address);
  await shoot(welcome, "welcome");

  const ann = await stage.tab("Ann Lee");
  const bob = await stage.tab("Bob", { colorScheme: "dark" });
  const mei = await stage.tab("Mei", PHONE);
  await shoot(ann, "desktop-light-empty");

  const messages = [
    [ann, "Good morning! Have you seen the new build?"],
    [bob, "It has been green since yesterday evening."],
    [bob, "On both JDKs."],
    [mei, "I am on the train, and the connection works even here."],
    [ann, "Great. I will restart the server now,\nso expect a short outage."],
  ];
  for (const [author, text] of messages) {
    await send(author, text);
    for (const page of [ann, bob, mei]) await page.locator(".text", { hasText: text.split("\n")[0] }).waitFor();
  }

  await stage.stopServer("SIGKILL");
  for (const page of [ann, bob, mei]) await page.locator('#connection[data-state="waiting"]').waitFor();
  await send(bob, "Are you there?");
  await shoot(bob, "desktop-dark-connection-lost");
  await shoot(mei, "phone-connection-lost");
  await stage.startServer();
  for (const page of [ann, bob, mei]) await connected(page);
  await expectMessage(bob, "Are you there?", null);
  await send(mei, "Connected again!");
  for (const page of [ann, bob]) await expectMessage(page, "Connected again!", "Mei");

  await bob.locator('[data-room="coffee"] a').click();
  await send(bob, "Coffee, anyone?");
  await ann.locator('[data-room="coffee"] .badge').waitFor();
  await bob.locator('[data-room="lobby"] a').click();
  await expectMessage(bob, "Connected again!", "Mei");
  await shoot(ann, "desktop-light");
  await shoot(bob, "desktop-dark");
  await shoot(mei, "phone");
  await mei.locator("#menu").click();
  await shoot(mei, "phone-rooms");
});

async function shoot(page, name) {
  await page.screenshot({ path: screenshotFile(name), animations: "disabled" });
}
