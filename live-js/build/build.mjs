/**
 * Builds `dist`: one minified ES module for each entry, with source maps, and the types. Names that begin with an
 * underscore are internal; the build shortens them.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });
await build({
  entryPoints: { index: "src/index.ts", msgpack: "src/codec/msgpack.ts", cbor: "src/codec/cbor.ts" },
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  sourcemap: true,
  mangleProps: /^_/,
  chunkNames: "shared-[hash]",
  logLevel: "warning",
});
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "."], { stdio: "inherit" });
await import("./size.mjs");
