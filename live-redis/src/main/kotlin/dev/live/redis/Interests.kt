package dev.live.redis

import dev.live.server.broker.BrokerSink
import dev.live.server.broker.HistoryBounds
import io.lettuce.core.RedisException
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.TimeSource

internal typealias Channels = StatefulRedisPubSubConnection<ByteArray, ByteArray>

/** The topics whose channels this node is subscribed to. Thread-safe. */
internal class Interests(
    private val link: RedisLink<Channels>,
    private val keys: RedisKeys,
    private val settings: RedisSettings,
) {
    private class Interest(val topic: String) {
        var history: HistoryBounds? = null

        /** Since when it is not used; null while it is. */
        var idleSince: TimeSource.Monotonic.ValueTimeMark? = null

        /** The connection that is subscribed to its channel; null for none. */
        var subscribedOn: Channels? = null

        /** Completed with the next subscription; null if nobody waits. */
        var subscribed: CompletableDeferred<Unit>? = null
    }

    private val connection: StateFlow<Channels?> get() = link.connection

    /** Guarded by this object, like the state of each interest. */
    private val interests = HashMap<String, Interest>()

    /** Interests without a subscription, to subscribe next. */
    private val added = LinkedHashSet<Interest>()

    /** Interests that are not used, the one idle for the longest time first. */
    private val idle = LinkedHashSet<Interest>()
    private val wake = Channel<Unit>(Channel.CONFLATED)

    /** The node uses [topic] from now on. */
    fun add(topic: String, history: HistoryBounds?) {
        synchronized(this) {
            val interest = interests.getOrPut(topic) { Interest(topic) }
            interest.history = history
            interest.idleSince = null
            idle -= interest
            if (interest.subscribedOn == null || interest.subscribedOn !== connection.value) added += interest
        }
        wake.trySend(Unit)
    }

    /** The node no longer uses [topic]. Its channel remains subscribed for the linger, if there is a connection. */
    fun remove(topic: String) {
        synchronized(this) {
            val interest = interests[topic] ?: return
            idle -= interest
            if (connection.value == null) {
                added -= interest
                interests -= topic
                return
            }
            interest.idleSince = TimeSource.Monotonic.markNow()
            idle += interest
        }
        wake.trySend(Unit)
    }

    /** Returns the connection that is subscribed to [topic]. Suspends until there is one. */
    suspend fun awaitSubscribed(topic: String): Channels {
        while (true) {
            val waiting =
                synchronized(this) {
                    val interest = interests[topic] ?: error("unreachable: $topic was added")
                    interest.subscribedOn?.let { if (it === connection.value) return it }
                    interest.subscribed ?: CompletableDeferred<Unit>().also { interest.subscribed = it }
                }
            waiting.await()
        }
    }

    /** Whether the channel of [topic] has been subscribed to on [connection] without an interruption until now. */
    fun isSubscribed(topic: String, connection: Channels): Boolean =
        synchronized(this) { interests[topic]?.subscribedOn === connection } && this.connection.value === connection

    /** Topics with a history that are in use. */
    fun histories(): List<Pair<String, HistoryBounds>> =
        synchronized(this) {
            interests.values.mapNotNull { interest ->
                interest.history?.let { interest.topic to it }
            }
        }

    /** Number of channels, subscribed or not. */
    val size: Int get() = synchronized(this) { interests.size }

    /** Keeps the channels subscribed until it is cancelled. */
    suspend fun run(sink: BrokerSink): Unit =
        connection.collectLatest { connection -> if (connection != null) serve(connection, sink) }

    private suspend fun serve(connection: Channels, sink: BrokerSink): Unit = coroutineScope {
        val wasSubscribed =
            synchronized(this) {
                added += interests.values
                interests.values.any { it.subscribedOn != null }
            }
        subscribeAdded(connection)
        // publications between the two connections are lost. A slow sink must not delay the next subscriptions
        if (wasSubscribed) launch { sink.interrupted() }
        while (true) {
            withTimeoutOrNull(idleCheck()) { wake.receive() }
            subscribeAdded(connection)
            unsubscribeIdle(connection)
        }
    }

    private fun idleCheck(): Duration =
        if (synchronized(this) { idle.isEmpty() }) Duration.INFINITE else settings.linger.coerceAtLeast(MIN_CHECK)

    /** In batches: Redis serves no other client during one command. */
    private suspend fun subscribeAdded(connection: Channels) {
        while (true) {
            val batch = synchronized(this) { added.take(MAX_BATCH).also { added.removeAll(it.toSet()) } }
            if (batch.isEmpty()) return
            try {
                val channels = Array(batch.size) { keys.channel(batch[it].topic) }
                link.traffic.await(settings.timeout) { connection.async().subscribe(*channels).await() }
            } catch (e: Throwable) {
                synchronized(this) { added += batch.filter { interests[it.topic] === it } }
                currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                return link.replace(connection, e) // the next connection starts over
            }
            val waiting =
                synchronized(this) {
                    batch.mapNotNull { interest ->
                        interest.subscribedOn = connection
                        interest.subscribed.also { interest.subscribed = null }
                    }
                }
            waiting.forEach { it.complete(Unit) }
        }
    }

    private suspend fun unsubscribeIdle(connection: Channels) {
        while (true) {
            val batch =
                synchronized(this) {
                    val due = idle.asSequence().takeWhile { it.idleSince!!.elapsedNow() >= settings.linger }
                    due.take(MAX_BATCH).toList().onEach {
                        idle -= it
                        added -= it
                        interests -= it.topic
                    }
                }
            if (batch.isEmpty()) return
            val channels = Array(batch.size) { keys.channel(batch[it].topic) }
            // not awaited: a later subscribe to the same channel follows on the same connection
            try {
                connection.async().unsubscribe(*channels)
            } catch (e: RedisException) {
                return link.replace(connection, e)
            }
        }
    }

    private companion object {
        /** Channels in one command. */
        const val MAX_BATCH = 500
        val MIN_CHECK = 10.milliseconds
    }
}
