// What every peer here is started with, and how it says that it takes connections.
import { parseArgs } from 'node:util'

export function options() {
  const { values } = parseArgs({
    options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string' } },
  })
  return { host: values.host, port: Number(values.port) }
}

export function listen(host, port) {
  console.log(`listening on ${host}:${port}`)
}
