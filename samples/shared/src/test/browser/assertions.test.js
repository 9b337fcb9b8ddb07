/** A page changes some time after a click, so an assertion on a page must retry. These checks read the tests' own text. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const SAMPLES = new URL("../../../../", import.meta.url).pathname;

/** A locator's value, read once and compared: `assert.equal(await row.count(), 0)`. */
const READ_ONCE = /assert[^;]*await [^;]*\.(count|inputValue|textContent|innerText|innerHTML|isVisible|isHidden|isDisabled|isEnabled|isChecked|title|getAttribute|evaluate|evaluateAll|allTextContents)\(/;

test("no browser test compares a value of the page that it has read once", () => {
  const found = sources().flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => READ_ONCE.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );

  assert.deepEqual(found, [], "use expect of samples/testing/stage.js, which retries");
});

test("the check finds such a line", () => {
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
