/**
 * Runs the tests that KotlinJs linked in Node's own test runner. kotlin.test calls the global functions `describe` and
 * `it`.
 *
 * Usage: node --test-reporter=spec js-tests.mjs PROGRAM
 */
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

let tests = 0;
globalThis.describe = describe;
globalThis.xdescribe = describe.skip;
globalThis.xit = it.skip;
globalThis.it = (name, run) => {
  tests++;
  it(name, { timeout: 600_000 }, run);
};

const program = resolve(process.argv[2]);
await import(pathToFileURL(program).href);
if (tests === 0) throw new Error(`${program} has no tests`);
