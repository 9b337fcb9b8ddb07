/**
 * Installs missing proxies and tests the configurations of docs/proxies.md. Arguments select proxies:
 * `node run.js nginx haproxy`.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PROXIES } from "./support/proxies.js";

const SAMPLES = join(import.meta.dirname, "../../../..");
const APT = { DEBIAN_FRONTEND: "noninteractive" };

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PROXIES);
const unknown = chosen.filter((name) => !(name in PROXIES));
if (unknown.length > 0) fail(`Unknown proxy '${unknown[0]}'. Known: ${Object.keys(PROXIES).join(", ")}.`);

if (!existsSync(join(SAMPLES, "node_modules"))) run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: SAMPLES });
const missing = chosen.flatMap((name) => PROXIES[name].packages).filter((name) => !isInstalled(name));
if (missing.length > 0) install(missing);
run(process.execPath, ["--test", "--test-reporter=spec", "proxies.test.js"], {
  cwd: import.meta.dirname,
  env: { ...process.env, PROXIES: chosen.join(" ") },
});

function isInstalled(name) {
  return spawnSync("dpkg", ["-s", name]).status === 0;
}

/** Prevents with policy-rc.d that Debian starts the installed servers. */
function install(names) {
  if (process.getuid() !== 0) fail(`Run as root, or install these packages first: ${names.join(" ")}`);
  console.log(`Installing ${names.join(", ")} …`);
  run("apt-get", ["update", "-qq"], { env: { ...process.env, ...APT } });
  const environment = { ...process.env, ...APT, RUNLEVEL: "1" };
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...names], { env: environment });
}

function run(command, parameters, options) {
  const { status, error } = spawnSync(command, parameters, { stdio: "inherit", ...options });
  if (error) fail(`Could not start ${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

function fail(text) {
  console.error(text);
  process.exit(1);
}
