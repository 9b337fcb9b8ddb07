/** The fixture of the chat tests: tabs and terminal clients. */
import { Stage, connected, exactly, expect, scenes } from "../../../../../testing/stage.js";

const MAIN = "dev.live.samples.chat";

/** Defines a test with its own chat server. */
export const scene = scenes((port) => new ChatStage(port, `${MAIN}.ServerKt`));

export { connected, expect };

class ChatStage extends Stage {
  /** Starts a terminal client and waits until it is connected to the room. */
  async terminal(name, room, mainClass = "TerminalKt") {
    const url = `${this.address.replace("http", "ws")}live`;
    const program = this.run(`${MAIN}.${mainClass}`, ["--name", name, "--room", room, "--url", url], {
      variable: "CHAT_TERMINAL",
    });
    await program.waitFor(/^\* connected/m);
    return program;
  }

  /** Opens a tab, enters the name and waits until it is connected. */
  async tab(name, { hash = "", ...options } = {}) {
    const page = await this.blankTab(options);
    await page.goto(this.address + hash);
    await page.getByLabel("Your name").fill(name);
    await page.getByRole("button", { name: "Start chatting" }).click();
    await connected(page);
    return page;
  }
}

export async function send(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByLabel("Message", { exact: true }).press("Enter");
}

/** Waits until the current room shows a message with exactly this text; `from` is null for own messages. */
export async function expectMessage(page, text, from) {
  const message = page.locator("#log .message", { has: page.locator(".text", { hasText: exactly(text) }) });
  await message.first().waitFor();
  await expect(message, `"${text}" is shown once`).toHaveCount(1);
  if (from === null)
    await page.locator(".message.own:not([data-state])", { has: page.getByText(text, { exact: true }) }).waitFor();
  if (from) await expect.poll(() => authorOf(message)).toBe(from);
}

/** The author, which is shown above the first message of a group. */
async function authorOf(message) {
  return message.evaluate((node) => {
    let first = node;
    while (!first.classList.contains("first")) first = first.previousElementSibling;
    return first.querySelector(".author").textContent;
  });
}
