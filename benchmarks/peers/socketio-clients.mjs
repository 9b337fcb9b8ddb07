// A Socket.IO server that sends to all every 20 ms, and clients with the defaults of all settings but for the transport,
// which is WebSocket from the start. Says where the server listens; takes "PORT CLIENTS", where the clients connect to;
// then says the number of each client that gets a message.
import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { listen } from './options.mjs'

const host = '127.0.0.1'
const http = createServer()
const io = new Server(http, { transports: ['websocket'], serveClient: false, perMessageDeflate: false })
setInterval(() => io.emit('m', 'news'), 20)
http.listen({ host, port: 0 }, () => listen(host, http.address().port))

createInterface({ input: process.stdin }).once('line', (line) => {
  const [port, clients] = line.split(' ').map(Number)
  for (let number = 0; number < clients; number++) {
    const socket = connect(`http://${host}:${port}`, { transports: ['websocket'], forceNew: true })
    socket.on('m', () => process.stdout.write(`${number}\n`))
  }
})
