/** Paths in the sample under test, the module above the working directory. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const MODULE = moduleOf(process.cwd());
const CLASSPATH_FILE = join(MODULE, "target", "test-classpath.txt");

/** Imports a module of the page, for tests without a browser. */
export function webModule(name) {
  return import(pathToFileURL(join(MODULE, "src/main/resources/web", name)).href);
}

export function screenshotFile(name) {
  const folder = join(MODULE, "target", "screenshots");
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.png`);
}

/** The classpath of the sample's programs: its classes and the dependencies that Maven wrote to a file. */
export function classpath() {
  if (!existsSync(CLASSPATH_FILE)) throw new Error(`${CLASSPATH_FILE} is missing. Run "mvn verify" once to create it.`);
  return [join(MODULE, "target", "classes"), readFileSync(CLASSPATH_FILE, "utf8").trim()].join(delimiter);
}

function moduleOf(folder) {
  return existsSync(join(folder, "pom.xml")) ? folder : moduleOf(dirname(folder));
}
