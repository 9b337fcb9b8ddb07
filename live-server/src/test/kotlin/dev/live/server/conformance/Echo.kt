package dev.live.server.conformance

import dev.live.protocol.Body
import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.Message
import dev.live.server.Live
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlin.time.Duration.Companion.hours

/** A codec without a format: the bytes of a frame are the body of a message. */
internal open class EchoCodec(override val subprotocol: String, override val isBinary: Boolean) : Codec {
    override fun encode(message: Message): ByteArray = (message.body as? Body.Bytes)?.toByteArray() ?: ByteArray(0)

    override fun decode(bytes: ByteArray, limits: DecodeLimits): Message = Message("echo", body = Body.bytes(bytes))
}

internal object TextEcho : EchoCodec("echo.text", isBinary = false)

internal object BinaryEcho : EchoCodec("echo.binary", isBinary = true)

/** Echoes every message. Timeouts are one hour, so no case passes because a timeout expired. */
internal fun Application.echo() {
    install(Live) {
        codecs(TextEcho, BinaryEcho)
        session {
            queueCapacity = 10_000
            queueBytes = 64 * 1024 * 1024
            closeTimeout = 1.hours
            writeTimeout = 1.hours
        }
        limits {
            maxMessageSize = LARGEST
            messagesPerSecond = Int.MAX_VALUE
            bytesPerSecond = Int.MAX_VALUE
        }
    }
    routing {
        live<Unit>("/echo") {
            onMessage { message -> session.send(message) }
        }
    }
}
