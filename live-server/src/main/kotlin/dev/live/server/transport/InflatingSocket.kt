package dev.live.server.transport

import dev.live.protocol.CloseCode
import dev.live.server.frame.NativePool
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.zip.Inflater

/**
 * The [socket] of a client that has negotiated compression: inflates its messages.
 *
 * A message is inflated when the session takes it, not when it arrives. So a session holds at most one inflated
 * message, however many small ones wait that would become large.
 *
 * @param address of the client, for the log
 */
internal class InflatingSocket(
    private val socket: Socket,
    inflaters: NativePool<Inflater>,
    private val limits: FrameLimits,
    private val address: String,
) : Socket by socket {
    private val inflater = MessageInflater(inflaters, limits.maxMessageSize)

    override suspend fun receive(): Inbound? = inflated(socket.receive())

    override suspend fun read(): Inbound? = inflated(socket.read())

    private fun inflated(inbound: Inbound?): Inbound? {
        if (inbound !is Inbound.Data || !inbound.isCompressed) return inbound
        try {
            val bytes = inflater.inflate(inbound.bytes)
            if (inbound.isText && !isUtf8(bytes)) {
                throw SocketViolation(CloseCode.InvalidText, "text message is not valid UTF-8")
            }
            val received = minOf(inbound.size, limits.maxMessageSize) // the byte rate admits at least one full message
            return Inbound.Data(bytes, inbound.isText, size = maxOf(received, bytes.size))
        } catch (e: SocketViolation) {
            log.info("The connection of {} is closed with {}: {}.", address, e.code, e.message)
            throw e
        }
    }

    private fun isUtf8(bytes: ByteArray): Boolean = Utf8Check().run { accepts(bytes, 0, bytes.size) && isComplete }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.transport")
    }
}
