package dev.live.server

import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.server.broker.Publication
import dev.live.server.topic.TopicRegistry
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.random.Random
import kotlin.time.Duration.Companion.seconds

/**
 * Operations on the sessions of all other nodes: publications to the topic with the empty name, which no client can
 * subscribe to. Best effort, like every publication.
 *
 * @param sessions the operations on this node
 * @param onProbe receives the numbers of this node's own test publications, see [probe]
 */
internal class ControlPublications(
    private val topics: TopicRegistry,
    private val sessions: SessionOperations,
    private val onProbe: (number: Long) -> Unit = {},
) {
    private val node = Random.nextLong().toULong().toString(radix = 36)

    /** Subscribes this node. Returns when the broker delivers. */
    suspend fun subscribe() {
        while (true) {
            try {
                return topics.subscribeToControl()
            } catch (e: Throwable) {
                currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                log.warn(
                    "This node does not receive operations of other nodes. The next attempt follows in {}.",
                    RETRY,
                    e,
                )
            }
            delay(RETRY)
        }
    }

    /** Sends [message] to the sessions of [user], or to all sessions if it is null. */
    suspend fun send(user: String?, message: Message): Unit =
        publish(SEND, user, Body.bytes(CborCodec.encode(message)))

    /** Sends [message] to the session with this [id]. */
    suspend fun sendToSession(id: String, message: Message): Unit =
        publish(SESSION, id, Body.bytes(CborCodec.encode(message)))

    suspend fun kick(user: String, reason: String): Unit = publish(KICK, user, Body.bytes(reason.encodeToByteArray()))

    /** Publishes a test publication, which only this node executes. */
    suspend fun probe(number: Long): Unit =
        topics.publishControl(Publication(topic = "", Body.bytes("$number".encodeToByteArray()), PROBE, key = node))

    private suspend fun publish(type: String, receiver: String?, body: Body) =
        topics.publishControl(Publication(topic = "", body, type, except = node, key = receiver))

    /** Executes the operation of another node in [publication]. Never fails: a broker may deliver any data. */
    fun execute(publication: Publication) {
        if (publication.except == node) return
        val receiver = publication.key
        val bytes = (publication.body as? Body.Bytes)?.toByteArray()
        try {
            when {
                bytes == null -> Unit
                publication.type == PROBE ->
                    if (publication.key == node) bytes.decodeToString().toLongOrNull()?.let(onProbe)
                publication.type == SEND -> sessions.send(receiver, CborCodec.decode(bytes, ANY_DEPTH))
                publication.type == SESSION && receiver != null ->
                    sessions.sendToSession(receiver, CborCodec.decode(bytes, ANY_DEPTH))
                publication.type == KICK && receiver != null -> sessions.kick(receiver, bytes.decodeToString())
                else -> log.warn("An operation of another node is unknown. Is it of a newer version?")
            }
        } catch (e: MalformedMessageException) {
            log.warn("An operation of another node is invalid: {}.", e.reason)
        }
    }

    private companion object {
        const val SEND = "send"
        const val SESSION = "session"
        const val KICK = "kick"
        const val PROBE = "probe"
        val RETRY = 5.seconds
        val ANY_DEPTH = DecodeLimits(DecodeLimits.MAX_DEPTH)
        val log: Logger = LoggerFactory.getLogger("dev.live.server.broker")
    }
}

/** Operations on sessions. Each returns the number of sessions concerned. */
internal interface SessionOperations {
    /** Sends [message] to the sessions of [user], or to all sessions if it is null. */
    fun send(user: String?, message: Message): Int

    /** Sends [message] to the session with this [id], if it is open on this node. */
    fun sendToSession(id: String, message: Message): Int

    fun kick(user: String, reason: String): Int
}
