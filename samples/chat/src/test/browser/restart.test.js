import { connected, expect, send, scene, expectMessage } from "./support/chat.js";

for (const [signal, event] of [
  ["SIGTERM", "a restart"],
  ["SIGKILL", "a crash"],
]) {
  scene(`tabs and a terminal client reconnect after ${event} of the server`, async (stage) => {
    const ann = await stage.tab("Ann");
    const bob = await stage.tab("Bob");
    const kim = await stage.terminal("Kim", "lobby");
    await send(ann, "before");
    await expectMessage(bob, "before", "Ann");
    await kim.waitFor(/^Ann: before$/m);
    const before = kim.mark();

    await stage.stopServer(signal);
    await ann.locator('#connection[data-state="waiting"]').waitFor();
    await ann.getByRole("button", { name: "Try now" }).waitFor();
    await kim.waitFor(/^\* connection lost \(.+\), reconnecting in [\d.]+ s/m, { since: before });
    await send(ann, "written during the outage");
    await ann.getByText("Waiting for the connection").waitFor();
    await stage.startServer();

    for (const page of [ann, bob]) {
      await connected(page);
      await page.getByText(/^Connection lost \(.*\): messages may be missing$/).waitFor();
    }
    await kim.waitFor(/^\* connected/m, { since: before });
    await expectMessage(ann, "written during the outage", null);

    await send(ann, "after, from a tab");
    await expectMessage(bob, "after, from a tab", "Ann");
    await kim.waitFor(/^Ann: after, from a tab$/m, { since: before });
    kim.type("after, from a terminal");
    await expectMessage(ann, "after, from a terminal", "Kim");
    await expectMessage(bob, "after, from a terminal", "Kim");
    await expect(bob.locator(".divider.gap")).toHaveCount(1);
  });
}
