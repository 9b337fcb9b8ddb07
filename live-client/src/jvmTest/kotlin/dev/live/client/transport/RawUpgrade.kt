package dev.live.client.transport

import java.net.ServerSocket
import java.security.MessageDigest
import java.util.Base64
import kotlin.concurrent.thread

/** Accepts one connection on [socket], upgrades it to a WebSocket by hand, and drops it without a close frame. */
internal fun upgradeThenCut(socket: ServerSocket): Thread =
    thread(name = "upgrade-then-cut") {
        socket.accept().use { connection ->
            val lines = connection.getInputStream().bufferedReader().lineSequence()
            val headers = lines.takeWhile { it.isNotEmpty() }.toList()
            val keyHeader = headers.first { it.startsWith("Sec-WebSocket-Key:", ignoreCase = true) }
            val key = keyHeader.substringAfter(':').trim()
            val digest = MessageDigest.getInstance("SHA-1").digest((key + WEBSOCKET_GUID).toByteArray())
            val response =
                listOf(
                    "HTTP/1.1 101 Switching Protocols",
                    "Upgrade: websocket",
                    "Connection: Upgrade",
                    "Sec-WebSocket-Accept: ${Base64.getEncoder().encodeToString(digest)}",
                    "Sec-WebSocket-Protocol: live.v1.json",
                    "",
                    "",
                ).joinToString("\r\n")
            connection.getOutputStream().apply {
                write(response.toByteArray())
                flush()
            }
        }
    }

// RFC 6455, 1.3
private const val WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
