/** A stage for chats: people at tabs and at terminals. */
import { Stage, connected, exactly, expect, scenes } from "../../../../../testing/stage.js";

const MAIN = "dev.live.samples.chat";

/** A test with a chat of its own. */
export const scene = scenes((port) => new ChatStage(port, `${MAIN}.ServerKt`));

export { connected, expect };

class ChatStage extends Stage {
  /** A terminal client in a room, connected. */
  async terminal(name, room, mainClass = "TerminalKt") {
    const url = `${this.address.replace("http", "ws")}live`;
    const program = this.run(`${MAIN}.${mainClass}`, ["--name", name, "--room", room, "--url", url], { variable: "CHAT_TERMINAL" });
    await program.waitFor(/^\* connected/m);
    return program;
  }

  /** A tab with the name entered, connected. */
  async tab(name, { hash = "", ...options } = {}) {
    const page = await this.blankTab(options);
    await page.goto(this.address + hash);
    await page.getByLabel("Your name").fill(name);
    await page.getByRole("button", { name: "Start chatting" }).click();
    await connected(page);
    return page;
  }
}

export async function say(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByLabel("Message", { exact: true }).press("Enter");
}

/** Waits until a message with exactly this text stands in the room in view; `from` is null for one's own. */
export async function sees(page, text, from) {
  const message = page.locator("#log .message", { has: page.locator(".text", { hasText: exactly(text) }) });
  await message.first().waitFor();
  await expect(message, `"${text}" stands there once`).toHaveCount(1);
  if (from === null) await page.locator(".message.own:not([data-state])", { has: page.getByText(text, { exact: true }) }).waitFor();
  if (from) await expect.poll(() => authorOf(message)).toBe(from);
}

/** The author stands above the first message of a group. */
async function authorOf(message) {
  return message.evaluate((node) => {
    let first = node;
    while (!first.classList.contains("first")) first = first.previousElementSibling;
    return first.querySelector(".author").textContent;
  });
}
