/** Where things are. The tests run from the source tree as well as from the copy that Maven makes in target. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join, delimiter } from "node:path";
import { fileURLToPath } from "node:url";

const MODULE = moduleOf(dirname(fileURLToPath(import.meta.url)));
const CLASSPATH_FILE = join(MODULE, "target", "test-classpath.txt");

export function screenshotFile(name) {
  const folder = join(MODULE, "target", "screenshots");
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.png`);
}

/** What the sample's programs run on: its own classes and what Maven wrote down. */
export function classpath() {
  if (!existsSync(CLASSPATH_FILE)) throw new Error(`${CLASSPATH_FILE} is missing: run "mvn -pl samples/operations -am verify" once, it writes it`);
  return [join(MODULE, "target", "classes"), readFileSync(CLASSPATH_FILE, "utf8").trim()].join(delimiter);
}

function moduleOf(folder) {
  return existsSync(join(folder, "pom.xml")) ? folder : moduleOf(dirname(folder));
}
