import { screenshotFile } from "../../../../testing/places.js";
import { connected, say, scene, sees } from "./support/chat.js";

const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

scene("the page has its picture taken", async (stage) => {
  const welcome = await stage.blankTab();
  await welcome.goto(stage.address);
  await shoot(welcome, "welcome");

  const ann = await stage.tab("Ann Lee");
  const bob = await stage.tab("Bob", { colorScheme: "dark" });
  const mei = await stage.tab("Mei", PHONE);
  await shoot(ann, "desktop-light-empty");

  const talk = [
    [ann, "Good morning! Has anybody seen the new build?"],
    [bob, "It has been green since yesterday evening."],
    [bob, "On both JDKs."],
    [mei, "I am on the train, and even here it comes through."],
    [ann, "Lovely. I'll restart the server now,\nso nobody be surprised."],
  ];
  for (const [who, text] of talk) {
    await say(who, text);
    for (const page of [ann, bob, mei]) await page.locator(".text", { hasText: text.split("\n")[0] }).waitFor();
  }

  await stage.stopServer("SIGKILL");
  for (const page of [ann, bob, mei]) await page.locator('#connection[data-state="waiting"]').waitFor();
  await say(bob, "Is anybody there?");
  await shoot(bob, "desktop-dark-connection-lost");
  await shoot(mei, "phone-connection-lost");
  await stage.startServer();
  for (const page of [ann, bob, mei]) await connected(page);
  await sees(bob, "Is anybody there?", null);
  await say(mei, "All of us again!");
  for (const page of [ann, bob]) await sees(page, "All of us again!", "Mei");

  await bob.locator('[data-room="coffee"] a').click();
  await say(bob, "Coffee, anyone?");
  await ann.locator('[data-room="coffee"] .badge').waitFor();
  await bob.locator('[data-room="lobby"] a').click();
  await sees(bob, "All of us again!", "Mei");
  await shoot(ann, "desktop-light");
  await shoot(bob, "desktop-dark");
  await shoot(mei, "phone");
  await mei.locator("#menu").click();
  await shoot(mei, "phone-rooms");
});

async function shoot(page, name) {
  await page.screenshot({ path: screenshotFile(name), animations: "disabled" });
}
