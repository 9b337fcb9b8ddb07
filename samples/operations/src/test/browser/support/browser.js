import packaged from "@sparticuz/chromium";
import { chromium } from "playwright-core";

/** Without these a headless Chromium looks for updates and for Google's hosts, and as root it does not start. */
const FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

/** The Chromium that npm brought, or the one that CHROMIUM points to. */
export async function launchBrowser() {
  const executablePath = process.env.CHROMIUM ?? (await packaged.executablePath());
  return chromium.launch({ executablePath, args: FLAGS.split(" ") });
}
