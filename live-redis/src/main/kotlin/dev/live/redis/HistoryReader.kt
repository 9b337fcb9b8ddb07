package dev.live.redis

import dev.live.protocol.Position
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.StoredHistory
import dev.live.server.broker.StoredPublication
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withContext
import java.nio.ByteBuffer
import kotlin.time.Duration.Companion.milliseconds

/**
 * Reads histories from Redis. Every read waits for a connection, and is repeated on the next one if it is lost. Only
 * the caller limits the time.
 */
internal class HistoryReader(private val servers: Servers, private val keys: RedisKeys) {
    private val invalid = RateLimitedLog()

    /** The position of the newest publication of [topic]. */
    suspend fun position(topic: String, bounds: HistoryBounds): Position {
        val reply = call(topic, since = null, bounds, isPositionOnly = true)
        return Position(reply[0].text(), reply[1].long())
    }

    suspend fun read(topic: String, since: Position?, bounds: HistoryBounds): StoredHistory {
        val reply = call(topic, since, bounds, isPositionOnly = false)
        val newest = Position(reply[0].text(), reply[1].long())
        val entries = entries(topic, newest, reply)
        val isKnown = reply[2].long() == 1L
        val isComplete =
            if (since == null) true else isKnown && entries.size.toLong() == newest.offset - since.offset
        // Redis removes entries in blocks, so that it may have more than the history should contain
        val surplus = if (since == null || !isKnown) entries.size - bounds.size else 0
        val continues = since?.let { position ->
            reply[3].long().takeIf { it >= 0 }?.let { Position(position.epoch, it) }
        }
        return StoredHistory(newest, if (surplus > 0) entries.drop(surplus) else entries, isComplete, continues)
    }

    /** The longest sequence without a hole that ends at [newest]: entries may be missing, or not be publications. */
    private fun entries(topic: String, newest: Position, reply: List<Any?>): List<StoredPublication> {
        val entries = ArrayDeque<StoredPublication>()
        var expected = newest.offset
        var index = reply.size - 2
        while (index >= FIRST_ENTRY && reply[index].long() == expected) {
            val payload = reply[index + 1] as ByteArray
            val publication = Envelope.decode(topic, ByteBuffer.wrap(payload))
            if (publication == null) {
                invalid.warn {
                    "An entry in the history of a topic is no publication of this version of live ($it so far). " +
                        "Do other programs write to the keys of this namespace?"
                }
                break
            }
            entries.addFirst(StoredPublication(publication, Position(newest.epoch, expected)))
            expected--
            index -= 2
        }
        return entries
    }

    private suspend fun call(
        topic: String,
        since: Position?,
        bounds: HistoryBounds,
        isPositionOnly: Boolean,
    ): List<Any?> =
        // the continuation of a caller without a dispatcher must not run in Redis's event loop
        withContext(Dispatchers.Default) { callHere(topic, since, bounds, isPositionOnly) }

    private suspend fun callHere(
        topic: String,
        since: Position?,
        bounds: HistoryBounds,
        isPositionOnly: Boolean,
    ): List<Any?> {
        val args =
            arrayOf(
                arg(randomName()),
                arg(since?.epoch.orEmpty()),
                arg(since?.offset?.toString().orEmpty()),
                arg(bounds.ageMillis),
                arg(bounds.retentionMillis),
                arg(if (isPositionOnly) "1" else ""),
            )
        var lost: Commands? = null
        var asking: Commands? = null
        while (true) {
            val connection = asking ?: servers.awaitCommands(topic, lost)
            try {
                val call = RedisScript.History.call(connection, keys.keys(topic), args, isAsking = asking != null)
                connection.flushCommands()
                return call.await()
            } catch (e: Throwable) {
                currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                val redirect = servers.redirect(topic, e)
                if (redirect == null && isReply(e)) throw e
                lost = if (redirect == null && asking == null) connection else null
                asking = (redirect as? Redirect.Ask)?.connection
                if (redirect == Redirect.Again) delay(REDIRECT_DELAY)
            }
        }
    }

    private companion object {
        /** Index of the first entry in the script's reply. */
        const val FIRST_ENTRY = 4

        /** Before another attempt: a slot that moves is not available for a while. */
        val REDIRECT_DELAY = 20.milliseconds
    }
}
