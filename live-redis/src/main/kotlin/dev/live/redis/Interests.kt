package dev.live.redis

import dev.live.server.broker.BrokerSink
import dev.live.server.broker.HistoryBounds
import io.lettuce.core.RedisException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Job
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.TimeSource

/**
 * The topics whose channels this node is subscribed to, each at the server of the topic. There it misses nothing while
 * the connection is open: the nodes of a cluster forward messages without a notice of losses.
 * Thread-safe. One file, because topics and the groups of each server share one lock.
 */
internal class Interests(
    private val servers: Servers,
    private val keys: RedisKeys,
    private val settings: RedisSettings,
) {
    private val commands = ChannelCommands(keys)

    /** Guarded by this object, like the state of each interest and group. */
    private val interests = HashMap<String, Interest>()
    private val groups = HashMap<ServerLinks, InterestGroup>()

    /** Number of changes of the subscriptions. */
    private var changes = 0L

    /** The node uses [topic] from now on. */
    fun add(topic: String, history: HistoryBounds?) {
        val group =
            synchronized(this) {
                val interest = interests.getOrPut(topic) { Interest(topic) }
                interest.history = history
                interest.idleSince = null
                val group = interest.group ?: groupOf(topic).also { interest.group = it } ?: return
                group.idle -= interest
                if (interest.subscribedOn == null || interest.subscribedOn !== group.connection) group.added += interest
                group
            }
        group.wake.trySend(Unit)
    }

    private fun groupOf(topic: String): InterestGroup? =
        servers.ofTopic(topic)?.let { links -> groups.getOrPut(links) { InterestGroup(links) } }

    /** The node no longer uses [topic]. Its channel remains subscribed for the linger, if there is a connection. */
    fun remove(topic: String) {
        val group =
            synchronized(this) {
                val interest = interests[topic] ?: return
                val group = interest.group
                group?.idle?.remove(interest)
                if (group?.connection == null) {
                    group?.remove(interest)
                    interests -= topic
                    return
                }
                interest.idleSince = TimeSource.Monotonic.markNow()
                group.idle += interest
                group
            }
        group.wake.trySend(Unit)
    }

    /** Returns the connection that is subscribed to [topic]. Suspends until there is one. */
    suspend fun awaitSubscribed(topic: String): Channels {
        while (true) {
            val waiting =
                synchronized(this) {
                    val interest = interests[topic] ?: error("unreachable: $topic was added")
                    interest.subscribedOn?.let { if (it === interest.group?.connection) return it }
                    interest.subscribed ?: CompletableDeferred<Unit>().also { interest.subscribed = it }
                }
            waiting.await()
        }
    }

    /** Whether the channel of [topic] has been subscribed to on [connection] without an interruption until now. */
    fun isSubscribed(topic: String, connection: Channels): Boolean =
        synchronized(this) {
            val interest = interests[topic]
            interest?.subscribedOn === connection && interest.group?.connection === connection
        }

    /** Redis has ended the subscription of [connection] to [channel], perhaps because the node has asked for it. */
    fun unsubscribed(connection: Channels, channel: ByteArray) {
        val topic = keys.topic(channel) ?: return
        val group =
            synchronized(this) {
                val interest = interests[topic] ?: return
                if (interest.subscribedOn !== connection) return
                interest.subscribedOn = null
                changes++
                interest.group?.also { it.added += interest }
            }
        servers.recheck()
        group?.wake?.trySend(Unit)
    }

    /**
     * Checks that Redis has all channels of [connection]: a connection stays open although subscriptions are lost.
     *
     * @throws RedisSetupException if some are missing
     */
    suspend fun check(connection: Channels) {
        val (expected, version) =
            synchronized(this) { interests.values.count { it.subscribedOn === connection } to changes }
        val actual = if (expected == 0) null else commands.count(connection)
        if (actual == null || actual >= expected || synchronized(this) { changes != version }) return
        throw RedisSetupException("Redis has lost ${expected - actual} of $expected channels of this node.")
    }

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
    suspend fun run(sink: BrokerSink): Unit = coroutineScope {
        launch { servers.ownership.collect { move() } }
        val serving = HashMap<ServerLinks, Job>()
        servers.all.collect { all ->
            for (former in serving.keys - all.toSet()) {
                serving.remove(former)?.cancel()
                synchronized(this@Interests) { groups -= former }
            }
            for (links in all) {
                val group = synchronized(this@Interests) { groups.getOrPut(links) { InterestGroup(links) } }
                serving.getOrPut(links) { launch { serve(group, sink) } }
            }
        }
    }

    private suspend fun serve(group: InterestGroup, sink: BrokerSink): Unit =
        group.links.channels.connection.collectLatest { connection ->
            if (connection != null) serve(group, connection, sink)
        }

    private suspend fun serve(group: InterestGroup, connection: Channels, sink: BrokerSink): Unit = coroutineScope {
        synchronized(this@Interests) { group.added += interests.values.filter { it.group === group } }
        while (true) {
            val late = subscribeAdded(group, connection)
            // publications in between are lost. A slow sink must not delay the next subscriptions
            if (late.isNotEmpty()) launch { interrupted(late, sink) }
            unsubscribeIdle(group, connection)
            withTimeoutOrNull(idleCheck(group)) { group.wake.receive() }
        }
    }

    private suspend fun interrupted(topics: List<String>, sink: BrokerSink) {
        if (settings.servers.topology != Topology.Cluster) return sink.interrupted()
        for (topic in topics) sink.interrupted(topic)
    }

    private fun idleCheck(group: InterestGroup): Duration =
        if (synchronized(this) { group.idle.isEmpty() }) Duration.INFINITE else settings.linger.coerceAtLeast(MIN_CHECK)

    /**
     * In batches: Redis serves no other client during one command. Returns the topics that were subscribed to before,
     * on another connection.
     */
    private suspend fun subscribeAdded(group: InterestGroup, connection: Channels): List<String> {
        val late = ArrayList<String>()
        while (true) {
            val batch = synchronized(this) { group.added.take(MAX_BATCH).also { group.added.removeAll(it.toSet()) } }
            if (batch.isEmpty()) return late
            val redirected =
                try {
                    group.links.channels.traffic.await(settings.timeout) { subscribe(connection, batch) }
                } catch (e: Throwable) {
                    synchronized(this) { group.added += batch.filter { interests[it.topic] === it } }
                    currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                    group.links.channels.replace(connection, e) // the next connection starts over
                    return late
                }
            late += subscribed(group, connection, batch - redirected)
            if (redirected.isEmpty()) continue
            delay(REDIRECT_DELAY)
            synchronized(this) { group.added += redirected.filter { interests[it.topic] === it && it.group === group } }
        }
    }

    /** Returns the interests that belong to another server. */
    private suspend fun subscribe(connection: Channels, batch: List<Interest>): Set<Interest> {
        val redirected = HashSet<Interest>()
        for (call in commands.subscribe(connection, batch)) {
            try {
                call.result.await()
            } catch (e: RedisException) {
                servers.redirect(call.interests.first().topic, e) ?: throw e
                redirected += call.interests
            }
        }
        return redirected
    }

    private fun subscribed(group: InterestGroup, connection: Channels, batch: List<Interest>): List<String> {
        val late = ArrayList<String>()
        val former = ArrayList<Interest>()
        val waiting =
            synchronized(this) {
                changes++
                batch.mapNotNull { interest ->
                    if (interest.group !== group) return@mapNotNull null.also { former += interest }
                    if (interest.wasSubscribed) late += interest.topic
                    interest.wasSubscribed = true
                    interest.subscribedOn = connection
                    interest.subscribed.also { interest.subscribed = null }
                }
            }
        waiting.forEach { it.complete(Unit) }
        if (former.isNotEmpty()) unsubscribe(group, connection, former)
        return late
    }

    private fun unsubscribeIdle(group: InterestGroup, connection: Channels) {
        while (true) {
            val batch =
                synchronized(this) {
                    changes++
                    val due = group.idle.asSequence().takeWhile { it.idleSince!!.elapsedNow() >= settings.linger }
                    due.take(MAX_BATCH).toList().onEach {
                        group.remove(it)
                        interests -= it.topic
                    }
                }
            // not awaited: a later subscribe to the same channel follows on the same connection
            if (batch.isEmpty() || !unsubscribe(group, connection, batch)) return
        }
    }

    /** Returns whether the connection could be used. */
    private fun unsubscribe(group: InterestGroup, connection: Channels, batch: List<Interest>): Boolean =
        try {
            commands.unsubscribe(connection, batch)
            true
        } catch (e: RedisException) {
            group.links.channels.replace(connection, e)
            false
        }

    /** Moves the interests whose topics belong to other servers now. */
    private suspend fun move() {
        val moving =
            synchronized(this) {
                changes++
                val outdated = interests.values.filter { it.group?.links !== servers.ofTopic(it.topic) }
                outdated.map { it to it.detach() }
            }
        // awaited: two subscriptions at the same time would deliver publications without a position twice
        for ((group, part) in moving.groupBy({ it.second }, { it.first })) if (group != null) leave(group, part)
        val changed = synchronized(this) { moving.mapNotNullTo(HashSet()) { (interest, _) -> assign(interest) } }
        for (group in changed) group.wake.trySend(Unit)
    }

    private fun assign(interest: Interest): InterestGroup? {
        if (interests[interest.topic] !== interest) return null
        if (interest.idleSince != null) interests -= interest.topic else interest.group = groupOf(interest.topic)
        return interest.group?.also { it.added += interest }
    }

    private suspend fun leave(group: InterestGroup, moving: List<Interest>) {
        val connection = group.connection ?: return
        try {
            group.links.channels.traffic.await(settings.probeTimeout) {
                for (call in commands.unsubscribe(connection, moving)) call.result.await()
            }
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            // a new connection has no subscriptions
            if (!isReply(e)) group.links.channels.replace(connection, e)
        }
    }

    private companion object {
        /** Channels in one command. */
        const val MAX_BATCH = 500
        val MIN_CHECK = 10.milliseconds

        /** Before another attempt to subscribe: a slot that moves is not available for a while. */
        val REDIRECT_DELAY = 20.milliseconds
    }
}
