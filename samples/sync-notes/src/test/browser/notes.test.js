import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { screenshotFile } from "../../../../testing/paths.js";
import { Stage, expect, scenes } from "../../../../testing/stage.js";

const MAIN = "dev.live.samples.syncnotes";
// the browser logs every failed pull while the server is down
const SERVER_DOWN = { expected: /Failed to load resource|net::ERR_/ };

class NotesStage extends Stage {
  #folder;

  constructor(port, folder) {
    super(port, `${MAIN}.ServerKt`, { NOTES_DB: join(folder, "server") });
    this.#folder = folder;
  }

  terminal(name) {
    return this.run(`${MAIN}.terminal.TerminalKt`, [
      "--name",
      name,
      "--url",
      this.address,
      "--file",
      join(this.#folder, `${name}.json`),
    ]);
  }

  async clear() {
    await super.clear();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const scene = scenes((port) => new NotesStage(port, mkdtempSync(join(tmpdir(), "sync-notes-"))));

scene("two devices converge after both edited the list while one was offline", async (stage) => {
  const { page, phone, laptop } = await open(stage);
  await add(phone, "milk");
  await add(laptop, "<img src=x onerror=alert(1)>");
  for (const device of [phone, laptop]) await lists(device, ["milk", "<img src=x onerror=alert(1)>"]);

  await phone.getByRole("button", { name: "Offline" }).click();
  await expectPhase(phone, "offline");
  await add(phone, "bread");
  await change(phone, "milk", "oat milk");
  await change(laptop, "milk", "soy milk");
  await phone.getByText("2 pending").waitFor();
  await expectPhase(laptop, "live");
  await laptop.getByText("No edits pending").waitFor();
  await expect(note(phone, "bread")).toHaveClass("pending");
  await expect(note(laptop, "bread")).toHaveCount(0);
  await expect(note(phone, "soy milk")).toHaveCount(0);

  await phone.getByRole("button", { name: "Offline" }).click();
  for (const device of [phone, laptop]) {
    await note(device, "bread").waitFor();
    await note(device, "oat milk").waitFor(); // the edit of the phone is the last one
    await expectPhase(device, "live");
    await device.getByText("No edits pending").waitFor();
    await expect(device.locator("li")).toHaveCount(3);
    await expect(device.locator("li.pending")).toHaveCount(0);
  }

  await laptop.getByRole("button", { name: "Delete bread" }).click();
  await note(phone, "bread").waitFor({ state: "detached" });
  await expect(page.locator("li.pending")).toHaveCount(0);
});

scene("a page and a terminal converge after a killed server and a reload", async (stage) => {
  const { page, phone, laptop } = await open(stage, SERVER_DOWN);
  const kim = stage.terminal("kim");
  await kim.waitFor(/^\* live, no edits pending$/m);
  await add(phone, "before");
  await kim.waitFor(/^Phone: before$/m);
  // kim may receive the note before the phone receives the response to its post
  await phone.getByText("No edits pending").waitFor();
  await lists(laptop, ["before"]);

  await stage.stopServer("SIGKILL");
  for (const device of [phone, laptop]) await expectPhase(device, "offline");
  await add(phone, "from the phone");
  await add(laptop, "from the laptop");
  kim.type("add from kim");
  await kim.waitFor(/^saved: from kim$/m);
  await phone.getByText("1 pending").waitFor();
  const since = kim.mark();
  await stage.startServer();
  const all = ["before", "from the phone", "from the laptop", "from kim"];
  for (const device of [phone, laptop]) await lists(device, all);
  await kim.waitFor(/^Phone: from the phone$/m, { since });
  await kim.waitFor(/^Laptop: from the laptop$/m, { since });
  await kim.waitFor(/^\* live, no edits pending$/m, { since });

  // an offline edit survives a reload
  await phone.getByRole("button", { name: "Offline" }).click();
  await add(phone, "added before the reload");
  await page.reload();
  for (const device of [phone, laptop]) {
    await lists(device, [...all, "added before the reload"]);
    await expectPhase(device, "live");
  }
  await kim.waitFor(/^Phone: added before the reload$/m);
  await expect
    .poll(async () => isDeepStrictEqual(await texts(phone), await texts(laptop)), "same order of notes")
    .toBe(true);
  kim.type("list");
  await kim.waitFor(/^= 5 notes as of change 5, 0 edits pending$/m);
});

scene("a second tab of a device waits until the first one is closed, and shows its edits", async (stage) => {
  const { page, phone } = await open(stage);
  await phone.getByRole("button", { name: "Offline" }).click();
  await add(phone, "added by the first tab");
  const second = await page.context().newPage();
  await second.goto(stage.address);
  const again = second.getByRole("region", { name: "Phone", exact: true });
  await again.getByText("Phone is open in another tab.").waitFor();
  await expect(again.getByRole("textbox")).toBeDisabled();

  await page.close();

  await note(again, "added by the first tab").waitFor();
  await again.getByText("No edits pending").waitFor();
  await second.close();
});

scene("a device with invalid stored notes shows an error, and the other one works", async (stage) => {
  const page = await stage.blankTab();
  await page.goto(stage.address);
  await page.evaluate(() => localStorage.setItem("sync-notes/broken/Phone", "{"));
  await page.goto(`${stage.address}?list=broken`);
  const [phone, laptop] = devices(page);

  await phone.getByText("Clear the site data in the browser and reload the page").waitFor();
  await expect(phone.getByPlaceholder("A note")).toBeDisabled();
  await expectPhase(laptop, "live");
  await add(laptop, "milk");
  await expect.poll(() => page.evaluate(() => localStorage.getItem("sync-notes/broken/Phone"))).toBe("{");

  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await expectPhase(phone, "live");
});

scene("a rejected subscription is shown until it succeeds", async (stage) => {
  const page = await stage.blankTab();
  let isRejected = true;
  await page.routeWebSocket(/\/live$/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((text) => {
      const { type, ref } = JSON.parse(text);
      if (type === "subscribe" && isRejected)
        socket.send(JSON.stringify({ type: "error", ref, data: { code: "forbidden", reason: "not yet" } }));
      else server.send(text);
    });
  });
  await page.goto(`${stage.address}?device=Phone`);
  const [phone] = devices(page);
  await phone.getByText("The server rejected the subscription to this list: not yet").waitFor();

  isRejected = false;
  await phone.getByRole("button", { name: "Offline" }).click();
  await expectPhase(phone, "offline");
  await phone.getByRole("button", { name: "Offline" }).click();

  await expectPhase(phone, "live");
  await phone.locator(".note").waitFor({ state: "hidden" });
});

scene("takes screenshots of the page", async (stage) => {
  for (const [name, options] of [
    ["light", {}],
    ["dark", { colorScheme: "dark" }],
    ["narrow", { viewport: { width: 390, height: 900 } }],
  ]) {
    const { page, phone, laptop } = await open(stage, options);
    if (name === "light") {
      for (const text of ["Oat milk", "Bread", "Coffee beans"]) {
        await add(phone, text);
        await note(laptop, text).waitFor();
      }
      await phone.getByRole("button", { name: "Offline" }).click();
      await add(phone, "Stamps, from the station");
      await change(phone, "Bread", "Bread, the dark one");
      await add(laptop, "Apples");
      await laptop.getByText("No edits pending").waitFor();
    }
    await note(laptop, "Apples").waitFor();
    await page.screenshot({ path: screenshotFile(name), animations: "disabled" });
  }
});

/** Opens the page and waits until both devices are live. */
async function open(stage, options = {}) {
  const page = await stage.blankTab({ viewport: { width: 1180, height: 720 }, ...options });
  await page.goto(stage.address);
  const [phone, laptop] = devices(page);
  for (const device of [phone, laptop]) await expectPhase(device, "live");
  return { page, phone, laptop };
}

function devices(page) {
  return ["Phone", "Laptop"].map((name) => page.getByRole("region", { name, exact: true }));
}

async function expectPhase(device, phase) {
  await device.and(device.page().locator(`[data-phase="${phase}"]`)).waitFor();
}

async function add(device, text) {
  await device.getByPlaceholder("A note").fill(text);
  await device.getByPlaceholder("A note").press("Enter");
  await note(device, text).waitFor();
}

async function change(device, text, to) {
  const field = note(device, text).getByRole("textbox");
  await field.fill(to);
  await device
    .page()
    .locator(`section[aria-label="${await device.getAttribute("aria-label")}"] li:focus-within input`)
    .press("Enter");
  await note(device, to).waitFor();
}

function note(device, text) {
  return device.locator(`li[data-text="${text}"]`);
}

async function texts(device) {
  return device.locator("li").evaluateAll((rows) => rows.map((row) => row.dataset.text));
}

/** Waits until exactly these notes are shown, none of them pending. */
async function lists(device, expected) {
  for (const text of expected) await note(device, text).and(device.page().locator("li:not(.pending)")).waitFor();
  await expect.poll(async () => (await texts(device)).sort()).toEqual([...expected].sort());
}
