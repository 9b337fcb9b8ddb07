/**
 * Measures what the package adds to a page: bundled from `dist` and minified by esbuild, then gzip. Prints a table with
 * other clients, and fails if the package is over its limit.
 */
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Other packages in gzip bytes, each bundled with `export * from` and measured in the same way with esbuild 0.28.2. */
const PEERS = [
  ["partysocket 1.3.0 (only reconnects)", 4260],
  ["phoenix 1.8.16", 7771],
  ["socket.io-client 4.8.4", 13534],
  ["@microsoft/signalr 10.0.11", 14908],
  ["@supabase/realtime-js 2.109.0", 17144],
  ["pusher-js 8.6.0", 19087],
  ["centrifuge 5.8.0", 23648],
];

const ROWS = [
  ["@dev-live/client: LiveClient with JSON", `export { LiveClient } from "./dist/index.js"`, 6000],
  [
    "@dev-live/client: LiveClient with MessagePack",
    `export { LiveClient } from "./dist/index.js"; export { msgpack } from "./dist/msgpack.js"`,
    7500,
  ],
  ["@dev-live/client: everything with JSON", `export * from "./dist/index.js"`, 8500],
];

async function gzipSize(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: "." },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    logLevel: "error",
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const measured = [];
for (const [name, contents, limit] of ROWS) measured.push([name, await gzipSize(contents), limit]);
const table = [...measured, ...PEERS].sort((a, b) => a[1] - b[1]);
console.log("gzip bytes, minified:");
for (const [name, size, limit] of table)
  console.log(`  ${String(size).padStart(6)}  ${name}${limit ? ` (limit ${limit})` : ""}`);
const over = measured.filter(([, size, limit]) => size > limit);
if (over.length > 0) {
  console.error(`over the limit: ${over.map(([name]) => name).join(", ")}`);
  process.exit(1);
}
