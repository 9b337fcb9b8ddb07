/** Reads the configuration blocks of docs/proxies.md, and replaces their ports and files by those of the test. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const PAGE = join(import.meta.dirname, "../../../../../../docs/proxies.md");

/** The block after the comment `<!-- tested: name -->`. */
export function blockOf(name, { tls, http, backend }, certificates) {
  const page = readFileSync(PAGE, "utf8");
  const block = new RegExp(`<!-- tested: ${name} -->\\s*\`\`\`\\w*\\n(.*?)\`\`\``, "s").exec(page)?.[1];
  if (!block) throw new Error(`docs/proxies.md has no tested block for ${name}`);
  return block
    .replaceAll("example.com", "localhost")
    .replaceAll("/etc/ssl/live", certificates)
    .replaceAll(/\b8080\b/g, String(backend))
    .replaceAll(/\b443\b/g, String(tls))
    .replaceAll(/\b80\b/g, String(http));
}
