package dev.live.redis

import dev.live.server.broker.BrokerSink
import io.lettuce.core.pubsub.RedisPubSubAdapter
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong

/**
 * Messages of the channels that this node has not delivered yet. Redis's event loop adds them and never waits: a client
 * that does not read is disconnected by Redis, after all its channels have been late. Messages that do not fit are
 * dropped, and the node repairs their topics.
 */
internal class Inbox(private val settings: RedisSettings, private val keys: RedisKeys) :
    RedisPubSubAdapter<ByteArray, ByteArray>() {
    private class Received(val topic: String, val bytes: ByteArray)

    private val queue = Channel<Received>(settings.inboxMessages)
    private val queuedBytes = AtomicLong()

    /** Topics with dropped messages. */
    private val interrupted: MutableSet<String> = ConcurrentHashMap.newKeySet()
    private val dropped = RateLimitedLog()
    private val invalid = RateLimitedLog()

    /** Number of messages that did not fit. */
    val droppedMessages: Long get() = dropped.total

    /** Number of messages that were no publications. */
    val invalidMessages: Long get() = invalid.total

    override fun message(channel: ByteArray, message: ByteArray) {
        val topic = keys.topic(channel) ?: return
        val before = queuedBytes.getAndAdd(message.size.toLong())
        // a single message always fits, so that another one follows each dropped one, and reports it
        val fits = before == 0L || before + message.size <= settings.inboxBytes
        if (fits && queue.trySend(Received(topic, message)).isSuccess) return
        queuedBytes.addAndGet(-message.size.toLong())
        interrupted += topic
        dropped.warn {
            "Messages arrived faster than this node delivers them; $it were dropped so far. Their topics are " +
                "repaired from their histories. If this continues, add nodes, or raise inboxMessages and inboxBytes."
        }
    }

    override fun smessage(channel: ByteArray, message: ByteArray): Unit = message(channel, message)

    /** Delivers to [sink] until it is cancelled. */
    suspend fun run(sink: BrokerSink) {
        for (received in queue) {
            queuedBytes.addAndGet(-received.bytes.size.toLong())
            if (ChannelMessage.isInterruption(received.bytes)) {
                interrupted += received.topic
            } else {
                deliver(sink, received)
            }
            // after the delivery, when there is room again
            if (interrupted.isNotEmpty()) reportInterrupted(sink)
        }
    }

    /** Null if it is no publication: one message of another program must not end the deliveries of all topics. */
    private fun decode(received: Received): ChannelMessage? =
        try {
            ChannelMessage.decode(received.topic, received.bytes)
        } catch (e: IllegalArgumentException) {
            log.debug("A message of topic {} is invalid.", received.topic, e)
            null
        }

    /** A failure of one delivery must not end those of all topics. */
    private suspend fun deliver(sink: BrokerSink, received: Received) {
        val message =
            decode(received) ?: return invalid.warn {
                "A message on a channel is no publication of this version of live ($it so far). " +
                    "Does another application use this namespace?"
            }
        try {
            sink.deliver(message.publication, message.position)
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            log.error("A message of topic {} was not delivered.", message.publication.topic, e)
        }
    }

    private suspend fun reportInterrupted(sink: BrokerSink) {
        for (topic in interrupted.toList()) {
            interrupted -= topic
            sink.interrupted(topic)
        }
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.redis")
    }
}
