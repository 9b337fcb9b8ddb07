import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/** Without these a headless Chromium looks for updates and for Google's hosts, and as root it does not start. */
const FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

/** Where the packaged Chromium is unpacked, for this checkout alone. */
const FOLDER = fileURLToPath(new URL("../node_modules/.chromium", import.meta.url));
const LAUNCHES = 3;

/** The Chromium that npm brought, or the one that CHROMIUM points to. */
export async function launchBrowser() {
  const executablePath = process.env.CHROMIUM ?? unpacked();
  for (let launch = 1; ; launch++) {
    try {
      return await chromium.launch({ executablePath, args: FLAGS.split(" ") });
    } catch (crash) {
      // Chromium itself crashed before it opened a page, as it does once in some hundred launches (SIGSEGV in its thread pool)
      if (launch === LAUNCHES || !/signal=SIG(SEGV|ABRT|TRAP|BUS)/.test(crash.message)) throw crash;
      console.warn(`Chromium crashed while it started; launch ${launch + 1} of ${LAUNCHES}.`);
    }
  }
}

/**
 * The package unpacks to the system's temporary folder, and takes a file that another process is still writing for the
 * whole. Samples are tested side by side: each process unpacks to a folder of its own, and the first one gives it its name.
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
