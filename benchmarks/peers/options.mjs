// The command line options of every peer, and the line that reports readiness.
import { parseArgs } from "node:util";

export function options() {
  const { values } = parseArgs({
    options: { host: { type: "string", default: "127.0.0.1" }, port: { type: "string" } },
  });
  return { host: values.host, port: Number(values.port) };
}

export function listen(host, port) {
  console.log(`listening on ${host}:${port}`);
}
