/** Where things are in the sample whose tests run, which is the module above the working directory. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const MODULE = moduleOf(process.cwd());
const CLASSPATH_FILE = join(MODULE, "target", "test-classpath.txt");

/** One of the page's own modules, for tests that need no browser. */
export function webModule(name) {
  return import(pathToFileURL(join(MODULE, "src/main/resources/web", name)).href);
}

export function screenshotFile(name) {
  const folder = join(MODULE, "target", "screenshots");
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.png`);
}

/** What the sample's programs run on: its own classes and what Maven wrote down. */
export function classpath() {
  if (!existsSync(CLASSPATH_FILE)) throw new Error(`${CLASSPATH_FILE} is missing: run "mvn verify" once, it writes it`);
  return [join(MODULE, "target", "classes"), readFileSync(CLASSPATH_FILE, "utf8").trim()].join(delimiter);
}

function moduleOf(folder) {
  return existsSync(join(folder, "pom.xml")) ? folder : moduleOf(dirname(folder));
}
