import assert from "node:assert/strict";
import { expect, send, scene, expectMessage } from "./support/chat.js";

scene("two tabs and the terminal clients in Kotlin and Java exchange messages", async (stage) => {
  const ann = await stage.tab("Ann");
  const bob = await stage.tab("Bob");
  const kim = await stage.terminal("Kim", "lobby");
  const jim = await stage.terminal("Jim", "lobby", "JavaTerminal");

  await send(ann, "hello from a tab");
  await expectMessage(ann, "hello from a tab", null);
  await expectMessage(bob, "hello from a tab", "Ann");
  await kim.waitFor(/^Ann: hello from a tab$/m);
  await jim.waitFor(/^Ann: hello from a tab$/m);

  kim.type("hello from Kotlin");
  await expectMessage(ann, "hello from Kotlin", "Kim");
  await expectMessage(bob, "hello from Kotlin", "Kim");
  await jim.waitFor(/^Kim: hello from Kotlin$/m);

  jim.type("hello from Java");
  await expectMessage(bob, "hello from Java", "Jim");
  await kim.waitFor(/^Jim: hello from Java$/m);
});

scene("the server logs its URL once", async (stage) => {
  const output = await stage.serverOutput(/http:\/\//); // logged after the port is open
  await stage.tab("Ann");

  assert.equal(output.split(new URL(stage.address).origin).length - 1, 1);
});

scene("a hostile name and text are shown as text", async (stage) => {
  const hostile = '<img src=x onerror="alert(1)">';
  const mallory = await stage.tab(hostile);
  const proto = await stage.tab("__proto__");
  const ann = await stage.tab("Ann");

  await send(mallory, "<script>alert(2)</script><b>bold</b>");
  await send(proto, "constructor");

  await expectMessage(ann, "<script>alert(2)</script><b>bold</b>", hostile);
  await expectMessage(ann, "constructor", "__proto__");
  await expect(ann.locator("#log img, #log script, #log b")).toHaveCount(0);
});

scene("rooms are separate and count unread messages", async (stage) => {
  const ann = await stage.tab("Ann");
  const bob = await stage.tab("Bob", { hash: "#room/coffee" });

  await send(bob, "coffee is ready");
  await send(bob, "anyone?");

  const coffee = ann.locator('[data-room="coffee"]');
  await coffee.getByText("2", { exact: true }).waitFor();
  await ann.getByRole("link", { name: "coffee 2 unread" }).waitFor();
  await expect(ann).toHaveTitle("(2) #lobby · live chat");
  await expect(ann.locator("#log .message")).toHaveCount(0);

  await coffee.getByRole("link").click();
  await expectMessage(ann, "anyone?", "Bob");
  await ann.locator(".divider.new").waitFor();
  await expect(coffee.locator(".badge")).toBeHidden();
  await expect(ann).toHaveURL(/#room\/coffee$/);
});

scene("a room can be added and left, and survives a reload", async (stage) => {
  const ann = await stage.tab("Ann");

  await ann.getByLabel("Room name").fill("a/b");
  await ann.getByRole("button", { name: "Add room" }).click();
  await ann.getByText("Use only letters, digits, dots, dashes and underscores.").waitFor();
  await ann.getByLabel("Room name").fill("# Büro 7");
  await ann.getByRole("button", { name: "Add room" }).click();
  await send(ann, "the first word");
  await expectMessage(ann, "the first word", null);

  await ann.reload();
  await ann.getByRole("heading", { name: "büro-7" }).waitFor();
  await ann.getByRole("button", { name: "Leave büro-7" }).click();
  await ann.getByRole("heading", { name: "coffee" }).waitFor();
  await expect(ann.locator('[data-room="büro-7"]')).toHaveCount(0);
});

scene("a name is validated before connecting, and stored", async (stage) => {
  const page = await stage.blankTab();
  await page.goto(stage.address);
  const name = page.getByLabel("Your name");
  await expect(name).toHaveValue(/^\w+ \w+$/);

  await name.fill("  ");
  await name.press("Enter");
  await page.getByText("Please enter a name").waitFor();
  await name.fill("n".repeat(41));
  await name.press("Enter");
  await page.getByText("The name has 41 characters. The maximum is 40.").waitFor();
  await name.fill("n".repeat(40));
  await name.press("Enter");
  await page.locator('#connection[data-state="connected"]').waitFor();

  await page.reload();
  await page.locator('#connection[data-state="connected"]').waitFor();
  await expect(page.locator("#me-name")).toHaveText("n".repeat(40));
});

scene("a text over the limit shows an error and stays in the input", async (stage) => {
  const ann = await stage.tab("Ann");
  const input = ann.getByLabel("Message", { exact: true });
  const text = "x".repeat(2012);

  await send(ann, text);

  await ann.getByText("Not sent: the text has 2,012 characters, 12 over the limit of 2,000.").waitFor();
  await ann.getByText("2,012 / 2,000").waitFor();
  await expect(input).toHaveValue(text);

  await send(ann, text.slice(0, 2000));
  await expectMessage(ann, text.slice(0, 2000), null);
  await expect(input).toHaveValue("");
});

scene("a message that the server rejects returns to the input with the reason", async (stage) => {
  const ann = await stage.blankTab();
  // A page with a higher limit than the server.
  await ann.route("**/limits.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace("MAX_TEXT = 2000", "MAX_TEXT = 5000") });
  });
  await ann.goto(stage.address);
  await ann.getByLabel("Your name").fill("Ann");
  await ann.getByLabel("Your name").press("Enter");
  await ann.locator('#connection[data-state="connected"]').waitFor();

  await send(ann, "y".repeat(2001));

  await ann.getByText(/^Not sent: .*2,?000/).waitFor();
  await expect(ann.getByLabel("Message", { exact: true })).toHaveValue("y".repeat(2001));
  await expect(ann.locator("#log .message")).toHaveCount(0);
});
