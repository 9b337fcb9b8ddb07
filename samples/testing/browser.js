import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/** Without these flags, headless Chromium contacts update servers and Google hosts, and does not start as root. */
const FLAGS =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

/** The folder of the unpacked Chromium, one per checkout. */
const FOLDER = fileURLToPath(new URL("../node_modules/.chromium", import.meta.url));
const LAUNCHES = 3;

/** Launches the Chromium from npm, or the one in the environment variable CHROMIUM. */
export async function launchBrowser() {
  const executablePath = process.env.CHROMIUM ?? unpacked();
  for (let launch = 1; ; launch++) {
    try {
      return await chromium.launch({ executablePath, args: FLAGS.split(" ") });
    } catch (crash) {
      // Chromium crashes about once in a few hundred launches before it opens a page (SIGSEGV in its thread pool)
      if (launch === LAUNCHES || !/signal=SIG(SEGV|ABRT|TRAP|BUS)/.test(crash.message)) throw crash;
      console.warn(`Chromium crashed on startup; retrying, launch ${launch + 1} of ${LAUNCHES}.`);
    }
  }
}

/**
 * The package unpacks to the system's temporary folder, and mistakes a file that another process is writing for a
 * complete one. Samples are tested in parallel, so each process unpacks to its own folder, and the first one renames
 * it.
 */
function unpacked() {
  const executable = join(FOLDER, "chromium");
  if (existsSync(executable)) return executable;
  const draft = mkdtempSync(`${FOLDER}-`);
  const unpack = fileURLToPath(new URL("unpack-chromium.js", import.meta.url));
  execFileSync(process.execPath, [unpack], { env: { ...process.env, TMPDIR: draft }, stdio: "inherit" });
  try {
    renameSync(draft, FOLDER);
  } catch (failure) {
    if (!existsSync(executable)) throw failure;
    rmSync(draft, { recursive: true });
  }
  return executable;
}
