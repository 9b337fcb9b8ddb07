package dev.live.server.support

import java.net.Socket
import kotlin.io.encoding.Base64

/** An HTTP response: status, headers with lower-case names, and body. */
internal class RawHttpResponse(val status: Int, val headers: Map<String, String>, val body: String)

/**
 * Requests an upgrade with the usual headers, overridden by [headers]; a null value removes a header. Written to a raw
 * socket, because libraries do not let a test violate the rules under test.
 */
internal fun askForUpgrade(port: Int, path: String = "/live", vararg headers: Pair<String, String?>): RawHttpResponse {
    val usual =
        mapOf(
            "Host" to "127.0.0.1:$port",
            "Upgrade" to "websocket",
            "Connection" to "keep-alive, Upgrade",
            "Sec-WebSocket-Version" to "13",
            "Sec-WebSocket-Key" to Base64.encode(ByteArray(16)),
        )
    val lines = (usual + headers).filterValues { it != null }.map { (name, value) -> "$name: $value" }
    return exchange(port, "GET $path HTTP/1.1", lines)
}

/** Sends a request with exactly this first line, these header lines and this [body], and reads the response. */
internal fun exchange(port: Int, firstLine: String, headerLines: List<String>, body: String = ""): RawHttpResponse =
    Socket("127.0.0.1", port).use { socket ->
        socket.soTimeout = HANG_TIMEOUT.inWholeMilliseconds.toInt()
        val lines = listOf(firstLine) + headerLines
        socket.getOutputStream().write((lines.joinToString("\r\n") + "\r\n\r\n" + body).toByteArray())
        read(socket)
    }

private fun read(socket: Socket): RawHttpResponse {
    val input = socket.getInputStream().buffered()
    val head = generateSequence {
        buildString {
            while (true) {
                val byte = input.read()
                if (byte < 0 || byte == '\n'.code) return@buildString
                if (byte != '\r'.code) append(byte.toChar())
            }
        }
    }.takeWhile { it.isNotEmpty() }.toList()
    val headers = head.drop(1).associate { it.substringBefore(':').lowercase() to it.substringAfter(':').trim() }
    val length = headers["content-length"]?.toInt() ?: 0
    return RawHttpResponse(head.first().split(' ')[1].toInt(), headers, input.readNBytes(length).decodeToString())
}
