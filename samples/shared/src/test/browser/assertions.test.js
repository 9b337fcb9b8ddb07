/** A page updates asynchronously, so assertions on it must retry. These checks scan the source of the browser tests. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const SAMPLES = new URL("../../../../", import.meta.url).pathname;

/** Matches a locator's value that is read once and compared: `assert.equal(await row.count(), 0)`. */
const READ_ONCE = /assert[^;]*await [^;]*\.(count|inputValue|textContent|innerText|innerHTML|isVisible|isHidden|isDisabled|isEnabled|isChecked|title|getAttribute|evaluate|evaluateAll|allTextContents)\(/;

test("no browser test asserts on a value that it reads from the page only once", () => {
  const found = sources().flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => READ_ONCE.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );

  assert.deepEqual(found, [], "use expect from samples/testing/stage.js, which retries");
});

test("the check detects such a line", () => {
  assert.match('assert.equal(await page.locator("li").count(), 1);', READ_ONCE);
});

function sources() {
  const samples = readdirSync(SAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== "node_modules");
  return samples.flatMap(({ name }) => {
    const folder = join(SAMPLES, name, "src/test/browser");
    return listing(folder).filter((file) => file.endsWith(".js") && !file.endsWith("assertions.test.js")).map((file) => join(folder, file));
  });
}

function listing(folder) {
  try {
    return readdirSync(folder, { recursive: true });
  } catch {
    return []; // a sample without a page
  }
}
