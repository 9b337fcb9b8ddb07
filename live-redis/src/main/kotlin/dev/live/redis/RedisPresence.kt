package dev.live.redis

import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.PresenceChange
import dev.live.server.broker.PresenceDirectory
import dev.live.server.broker.PresenceMember
import dev.live.server.broker.Publication
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.Semaphore
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.time.Duration.Companion.milliseconds

/**
 * The presence of topics on all nodes. Each node stores its own members, one hash for each topic, and publishes each
 * change on the topic's channel. The others apply the change to their copy, or read the hash if they missed one.
 *
 * One file, because all changes of the copies and their reports have one order.
 *
 * @param publish publishes to the other nodes
 */
internal class RedisPresence(
    servers: Servers,
    keys: RedisKeys,
    private val settings: RedisSettings,
    private val publish: suspend (Publication) -> Unit,
) : PresenceDirectory {
    private val node = randomName()
    private val store = PresenceStore(servers, keys, node)
    private val own = OwnPresence()
    private val reads = PendingReads()
    private val rejected = RateLimitedLog()

    /** Orders the changes of [copies] and their reports to [sink]. */
    private val order = Mutex()

    /** Guarded by [order], like [nodes]. */
    private val copies = RemotePresence()
    private val nodes = NodeTable(node)
    private val areNodesKnown = CompletableDeferred<Unit>()

    @Volatile
    private lateinit var sink: BrokerSink

    /** The reports of this node and of those that are not lost. */
    @Volatile
    var reports: Map<String, String> = emptyMap()
        private set

    /** Reports to [sink] from now on. Returns the sink for publications, of which it takes those of the presence. */
    fun open(sink: BrokerSink): BrokerSink {
        this.sink = sink
        return object : BrokerSink by sink {
            override suspend fun deliver(publication: Publication, position: Position?) {
                if (publication.type == MessageType.PRESENCE && position == null) {
                    received(publication)
                } else {
                    sink.deliver(publication, position)
                }
            }

            override suspend fun interrupted(topic: String?) {
                readAgain(topic)
                sink.interrupted(topic)
            }
        }
    }

    /** Exchanges members with the other nodes until it is cancelled. */
    suspend fun run(): Unit =
        coroutineScope {
            launch { beat() }
            launch { extend() }
            launch { write() }
            launch { read() }
        }

    override suspend fun watch(topic: String): Unit =
        withContext(Dispatchers.Default) {
            order.withLock { copies.watch(topic) }
            var isDone = false
            try {
                areNodesKnown.await()
                var at = nodes.alive.map { NodeTopic(topic, it) }
                while (at.isNotEmpty()) at = if (tryRead(at)) emptyList() else at
                isDone = true
            } finally {
                if (!isDone) withContext(NonCancellable) { unwatch(topic) }
            }
        }

    override suspend fun unwatch(topic: String) {
        own.unwatch(topic)
        order.withLock { copies.unwatch(topic) }
    }

    override fun join(topic: String, member: PresenceMember): Unit = own.join(topic, member)

    override fun leave(topic: String, member: PresenceMember, isConnectionLost: Boolean): Unit =
        own.leave(topic, member, isConnectionLost)

    private suspend fun beat(): Nothing {
        var number = 0L
        while (true) {
            try {
                round(store.beat("${++number} ${sink.nodeReport.take(MAX_REPORT)}"))
            } catch (e: Throwable) {
                currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                log.debug("A heartbeat was not stored.", e) // the others are not judged in such a round
            }
            delay(settings.heartbeat)
        }
    }

    private suspend fun round(beats: PresenceStore.Beats) {
        val changes =
            order.withLock {
                val changes = nodes.update(beats.byNode, isJudging = beats.isStored)
                for (lost in changes.lost) {
                    val lostFor = settings.heartbeat * NodeTable.MAX_MISSED
                    for ((topic, change) in copies.lost(lost, lostFor)) report(topic, change)
                }
                for (appeared in changes.appeared) reads.add(copies.watched.map { NodeTopic(it, appeared) })
                val givenUp = ArrayList<Pair<String, PresenceChange>>()
                reads.add(copies.round(nodes.alive) { topic, change -> givenUp += topic to change })
                for ((topic, change) in givenUp) report(topic, change)
                changes
            }
        reports = beats.byNode.filterKeys { it == node || it in nodes.alive }.mapValues { it.value.substringAfter(' ') }
        areNodesKnown.complete(Unit)
        if (changes.stale.isNotEmpty()) store.forget(changes.stale)
    }

    /** Keeps this node's members in Redis, and stores them again if they are lost. */
    private suspend fun extend(): Nothing {
        while (true) {
            delay(settings.heartbeat)
            try {
                for (batch in own.stored().chunked(MAX_BATCH)) {
                    for ((topic, version) in store.extend(batch)) own.missing(topic, version)
                }
            } catch (e: Throwable) {
                currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                log.debug("The expiry of members was not extended.", e)
            }
            own.retry()
        }
    }

    private suspend fun write(): Unit =
        coroutineScope {
            val permits = Semaphore(MAX_WRITES)
            while (true) {
                permits.acquire()
                val change = own.take()
                if (change != null) {
                    launch { write(change, permits) }
                } else {
                    permits.release()
                    own.wake.receive()
                }
            }
        }

    private suspend fun write(change: OwnChange, permits: Semaphore) {
        try {
            when (tryStore(change)) {
                Outcome.Outdated -> own.outdated(change)
                Outcome.Stored -> {
                    publish(message(change).publication(change.topic, node))
                    own.done(change, isStored = true)
                }
                Outcome.Rejected -> {
                    // a change that is not stored is right nevertheless; all members can only be read
                    if (!change.isRewrite) publish(message(change).publication(change.topic, node))
                    own.done(change, isStored = false)
                }
            }
        } catch (e: Throwable) {
            own.failed(change)
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            log.debug("A change of the presence of topic {} is repeated.", change.topic, e)
        } finally {
            permits.release()
        }
    }

    /** [Outdated]: Redis does not have the members that were changed. [Rejected]: it has answered with an error. */
    private enum class Outcome { Stored, Outdated, Rejected }

    private suspend fun tryStore(change: OwnChange): Outcome {
        try {
            return if (store.write(change)) Outcome.Stored else Outcome.Outdated
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            if (!isReply(e)) throw e
            rejected.warn {
                "The presence of a topic was not stored ($it so far), and is repeated. " +
                    describeFailure(settings.address, e)
            }
            return Outcome.Rejected
        }
    }

    private fun message(change: OwnChange) =
        if (change.isRewrite) {
            PresenceMessage(change.previous, change.version, isReload = true)
        } else {
            PresenceMessage(change.previous, change.version, isReload = false, change.joins, change.leaves)
        }

    private suspend fun received(publication: Publication) {
        val origin = publication.except ?: return
        if (origin == node) return
        val message = PresenceMessage.decode(publication) ?: return store.reportInvalid()
        val at = NodeTopic(publication.topic, origin)
        order.withLock {
            val change = copies.apply(at, message)
            if (change == null) reads.add(listOf(at)) else report(at.topic, change)
        }
    }

    private suspend fun readAgain(topic: String?) {
        order.withLock {
            for (watched in if (topic == null) copies.watched else setOf(topic) intersect copies.watched) {
                reads.add((nodes.alive + copies.nodesOf(watched)).map { NodeTopic(watched, it) })
            }
        }
    }

    private suspend fun read(): Nothing {
        while (true) {
            val at = reads.take(MAX_BATCH)
            if (!tryRead(at)) reads.add(at)
        }
    }

    private suspend fun tryRead(at: List<NodeTopic>): Boolean {
        try {
            val stored = store.read(at)
            order.withLock {
                for ((index, one) in at.withIndex()) report(one.topic, copies.read(one, stored[index]))
            }
            return true
        } catch (e: Throwable) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            log.debug("The members of other nodes were not read.", e)
            delay(RETRY)
            return false
        }
    }

    private suspend fun report(topic: String, change: PresenceChange) {
        if (change.joins.isEmpty() && change.leaves.isEmpty() && change.lost.isEmpty()) return
        sink.presence(topic, change)
    }

    private companion object {
        /** Characters of a node's report. */
        const val MAX_REPORT = 1_000

        /** Topics in one write to Redis. */
        const val MAX_BATCH = 500

        /** Topics with a change that is being stored. */
        const val MAX_WRITES = 32
        val RETRY = 100.milliseconds
        val log: Logger = LoggerFactory.getLogger("dev.live.redis")
    }
}
