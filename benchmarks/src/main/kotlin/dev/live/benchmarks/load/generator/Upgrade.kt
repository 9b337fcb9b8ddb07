package dev.live.benchmarks.load.generator

import java.net.InetSocketAddress

/** The HTTP part of the WebSocket handshake. */
internal object Upgrade {
    private const val OK = "HTTP/1.1 101"
    private val headerEnd = "\r\n\r\n".toByteArray()

    fun request(protocol: WireProtocol, address: InetSocketAddress): ByteArray =
        buildString {
            append("GET ${protocol.path} HTTP/1.1\r\nHost: ${address.hostString}:${address.port}\r\n")
            append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n")
            append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
            protocol.subprotocol?.let { append("Sec-WebSocket-Protocol: $it\r\n") }
            if (protocol.offersCompression) append("Sec-WebSocket-Extensions: permessage-deflate\r\n")
            append("\r\n")
        }.toByteArray()

    /**
     * The end offset of the response header in the first [size] bytes of [bytes], or -1 while it is incomplete.
     *
     * @throws IllegalStateException if the server rejected the upgrade
     */
    fun end(bytes: ByteArray, size: Int): Int {
        for (at in 0..size - headerEnd.size) {
            if (!bytes.contains(headerEnd, at, at + headerEnd.size)) continue
            val status = String(bytes, 0, minOf(size, OK.length))
            check(status == OK) { "the server rejected the upgrade: ${String(bytes, 0, minOf(size, 200))}" }
            return at + headerEnd.size
        }
        return -1
    }
}
