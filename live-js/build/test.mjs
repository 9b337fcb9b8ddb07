/** Checks the types of sources and tests, bundles each test file, and runs them all with Node's test runner. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.test.json"], { stdio: "inherit" });
rmSync("target/test", { recursive: true, force: true });
const names = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
if (names.length === 0) throw new Error("there are no tests");
await build({
  entryPoints: names.map((name) => `test/${name}`),
  outdir: "target/test",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: "inline",
  packages: "external",
  external: ["../../dist/*"],
});
const chosen = process.argv.slice(2);
const files = names.map((name) => `target/test/${name.replace(/ts$/, "mjs")}`);
const args = ["--enable-source-maps", "--test", `--test-reporter=${chosen.length ? "spec" : "dot"}`];
const run = spawnSync(
  process.execPath,
  [...args, ...files.filter((file) => !chosen.length || chosen.some((part) => file.includes(part)))],
  { stdio: "inherit" },
);
process.exit(run.status ?? 1);
