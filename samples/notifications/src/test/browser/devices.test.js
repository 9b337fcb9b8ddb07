import { screenshotFile } from "../../../../testing/paths.js";
import { Stage, expect, scenes } from "../../../../testing/stage.js";

const MAIN = "dev.live.samples.notifications";
const TALL = { viewport: { width: 1180, height: 860 } };
const scene = scenes((port) => new Stage(port, `${MAIN}.ServerKt`));

scene("both devices receive a notice and share its read state", async (stage) => {
  const { page, phone, laptop } = await open(stage);

  await notify(page, "Your parcel is on its way");
  await notify(page, "<img src=x onerror=alert(1)>");
  for (const device of [phone, laptop]) {
    await device.getByText("Your parcel is on its way").waitFor();
    await device.getByText("<img src=x onerror=alert(1)>", { exact: true }).waitFor();
    await device.locator('.badge[aria-label="2 unread"]').waitFor();
  }

  await phone.getByRole("button", { name: "Mark as read: Your parcel is on its way" }).click();
  await laptop.locator("li.read", { hasText: "Your parcel" }).waitFor();
  await laptop.locator('.badge[aria-label="1 unread"]').waitFor();
  await laptop.getByRole("button", { name: "Mark all read" }).click();
  await phone.locator('.badge[aria-label="0 unread"]').waitFor();
  await expect(phone.locator("li.unread")).toHaveCount(0);
});

scene("a device catches up after an outage, and reloads the inbox after a server restart", async (stage) => {
  const { page, phone, laptop } = await open(stage);
  await notify(page, "before");
  await phone.getByText("before").waitFor();

  await phone.getByRole("button", { name: "Airplane mode" }).click();
  await phone.locator('.connection[data-state="stopped"]').waitFor();
  await notify(page, "during the outage");
  await laptop.getByText("during the outage").waitFor();
  await laptop.getByRole("button", { name: "Mark as read: before" }).click();
  await laptop.locator("li.read", { hasText: "before" }).waitFor();
  await expect(phone.getByText("during the outage")).toHaveCount(0);
  await page.screenshot({ path: screenshotFile("disconnected") });
  await phone.getByRole("button", { name: "Airplane mode" }).click();
  await phone.getByText("Caught up: 2 missed changes.").waitFor();
  await phone.getByText("during the outage").waitFor();
  await phone.locator("li.read", { hasText: "before" }).waitFor();

  await stage.stopServer("SIGKILL");
  await laptop.getByText("Connection lost.").waitFor();
  await stage.startServer();
  for (const device of [phone, laptop]) await device.getByText("the inbox was loaded again").waitFor();
});

scene("two pages and a Java terminal are devices of the same user only", async (stage) => {
  const ann = await open(stage);
  const again = await open(stage);
  const bob = await open(stage, "bob");
  const terminal = stage.run(`${MAIN}.JavaDevice`, ["ann", `${stage.address.replace("http", "ws")}live`]);
  await terminal.waitFor(/^\* 0 unread/m);

  await notify(ann.page, "hello devices");
  await notify(bob.page, "hello bob");
  await again.phone.getByText("hello devices").waitFor();
  await bob.phone.getByText("hello bob").waitFor();
  await terminal.waitFor(/^hello devices$/m);
  await expect(bob.phone.getByText("hello devices")).toHaveCount(0);
  terminal.type("read");
  await again.laptop.locator("li.read", { hasText: "hello devices" }).waitFor();
  await ann.laptop.getByRole("button", { name: "Ring my devices" }).click();
  await ann.laptop.getByText("Ringing 5 devices.").waitFor();
  await again.phone.getByText("Laptop rings this device.").waitFor();
  await terminal.waitFor(/^\* ring from another device$/m);

  await ann.phone.getByRole("button", { name: "Sign out everywhere" }).click();
  for (const device of [ann.phone, ann.laptop, again.phone, again.laptop])
    await device.getByText("Signed out everywhere.").waitFor();
  await terminal.waitFor(/^\* closed: the server closed with 4403/m);
  await expect(bob.phone.locator('.connection[data-state="connected"]')).toHaveCount(1);
});

scene("takes screenshots of the page", async (stage) => {
  for (const [name, options] of [
    ["light", TALL],
    ["dark", { ...TALL, colorScheme: "dark" }],
    ["narrow", { viewport: { width: 390, height: 900 } }],
  ]) {
    const { page, phone, laptop } = await open(stage, "ann", options);
    if (name === "light") {
      for (const text of ["Your order was packed", "Your parcel is on its way", "Your table is booked for eight"]) {
        await notify(page, text);
        await phone.getByText(text).waitFor();
      }
      await phone.getByRole("button", { name: "Mark as read: Your order was packed" }).click();
      await laptop.locator("li.read").waitFor();
      await phone.getByRole("button", { name: "Airplane mode" }).click();
      await notify(page, "New sign-in from another location");
      await laptop.getByText("New sign-in").waitFor();
    }
    await laptop.locator("li").first().waitFor();
    await page.screenshot({ path: screenshotFile(name), animations: "disabled" });
  }
});

/** Opens the page of a user and waits until both devices are connected. */
async function open(stage, user = "ann", options = {}) {
  const page = await stage.blankTab(options);
  await page.goto(`${stage.address}?user=${user}`);
  const [phone, laptop] = ["Phone", "Laptop"].map((name) => page.getByRole("region", { name, exact: true }));
  for (const device of [phone, laptop]) await device.locator('.connection[data-state="connected"]').waitFor();
  return { page, phone, laptop };
}

async function notify(page, text) {
  await page.getByRole("textbox").fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}
