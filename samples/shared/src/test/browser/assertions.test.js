/** A page updates asynchronously, so assertions on it must retry. These checks scan the source of the browser tests. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const SAMPLES = new URL("../../../../", import.meta.url).pathname;

/** Matches a statement that compares a locator's value, read once: `assert.equal(await row.count(), 0)`. */
const READ_ONCE =
  /\bassert[^;]*await [^;]*\.(count|inputValue|textContent|innerText|innerHTML|isVisible|isHidden|isDisabled|isEnabled|isChecked|title|getAttribute|evaluate|evaluateAll|allTextContents)\(/g;

test("no browser test asserts on a value that it reads from the page only once", () => {
  const found = sources().flatMap((file) => readOnce(readFileSync(file, "utf8")).map((start) => `${file}: ${start}`));

  assert.deepEqual(found, [], "use expect from samples/testing/stage.js, which retries");
});

test("the check detects such a statement, also on several lines", () => {
  assert.equal(readOnce('assert.equal(await page.locator("li").count(), 1);').length, 1);
  assert.equal(readOnce('assert.equal(\n  await page.locator("li").count(),\n  1,\n);').length, 1);
  assert.equal(readOnce('assert.equal(rows, 1);\nawait page.locator("li").count();').length, 0);
});

function readOnce(source) {
  return source.match(READ_ONCE) ?? [];
}

function sources() {
  const samples = readdirSync(SAMPLES, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && entry.name !== "node_modules",
  );
  return samples.flatMap(({ name }) => {
    const folder = join(SAMPLES, name, "src/test/browser");
    return listing(folder)
      .filter((file) => file.endsWith(".js") && !file.endsWith("assertions.test.js"))
      .map((file) => join(folder, file));
  });
}

function listing(folder) {
  try {
    return readdirSync(folder, { recursive: true });
  } catch {
    return []; // a sample without a page
  }
}
