package dev.live.server.support

import java.util.zip.Deflater
import java.util.zip.Inflater

/** The payload of a message that a client has compressed without context takeover. */
internal fun deflated(message: ByteArray, level: Int = Deflater.DEFAULT_COMPRESSION): ByteArray {
    val deflater = Deflater(level, true)
    try {
        deflater.setInput(message)
        val bytes = ByteArray(message.size * 2 + 64)
        return bytes.copyOf(deflater.deflate(bytes, 0, bytes.size, Deflater.SYNC_FLUSH) - 4)
    } finally {
        deflater.end()
    }
}

/** The message in the [payload] of the server, read by an inflater that has read no other message. */
internal fun inflated(payload: ByteArray): ByteArray {
    val inflater = Inflater(true)
    try {
        inflater.setInput(payload + byteArrayOf(0, 0, -1, -1))
        val bytes = ByteArray(1 shl 20)
        return bytes.copyOf(inflater.inflate(bytes))
    } finally {
        inflater.end()
    }
}
