package dev.live.server.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.Position
import dev.live.server.broker.HistoryBounds
import dev.live.server.support.TestTopics
import dev.live.server.support.publish
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.test.runTest
import kotlin.random.Random
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds

/**
 * Model test of recovery. Histories are evicted by count, bytes, age and all three, and removed while unused. The model
 * is a list of all published messages. A client that subscribes again receives exactly the missing messages, or a gap
 * if and only if there is one.
 */
class RecoveryModelTest : FunSpec({

    for (seed in 1..3) {
        test("every reader receives all messages or a correct gap, after 40,000 steps with seed $seed") {
            runTest {
                val model = RecoveryModel(backgroundScope, Random(seed))

                repeat(40_000) { model.step() }

                model.seen shouldContainAll model.possible
            }
        }
    }
})

private val policies =
    mapOf(
        "by count" to HistoryBounds(size = 20, age = 1.hours, bytes = 1_000_000),
        "by bytes" to HistoryBounds(size = 1_000, age = 1.hours, bytes = 300),
        "by age" to HistoryBounds(size = 1_000, age = 10.seconds, bytes = 1_000_000),
        "by all" to HistoryBounds(size = 25, age = 20.seconds, bytes = 600),
    )

private class RecoveryModel(scope: CoroutineScope, private val random: Random) {
    private var now = 0L
    private var quiet = 0

    private val topics =
        TestTopics(
            scope,
            linger = LINGER,
            fanOut = null,
            maxIdleBytes = MAX_IDLE_BYTES,
            policies = { TopicPolicy(history = policies.getValue(it)) },
            clock = { now },
        )
    private val registry = topics.registry
    private val logs = policies.map { (name, settings) -> PublishedLog(name, settings) { now } }
    private val readers = logs.flatMap { log -> List(READERS) { RecoveringReader(log) } }

    /** Situations that occurred at least once. The test fails if a possible one never does. */
    val seen = HashSet<String>()

    val possible =
        policies.keys.flatMap { listOf("recovered $it", "gap $it", "$it went past one that caught up") } +
            listOf("another epoch", "behind", "behind again", "impossible", "outdated topic", "topic over the bound")

    suspend fun step() {
        val reader = readers.random(random)
        when (random.nextInt(100)) {
            in 0..54 -> publish(logs.random(random))
            in 55..69 -> if (reader.hub == null) reconnect(reader)
            in 70..81 -> leave(reader)
            in 82..89 -> if (reader.behind != null) catchUp(reader)
            in 90..94 -> now += random.nextLong(2_000)
            95 -> pause()
            else -> sweep()
        }
        for (one in readers) {
            one.drain()
            if (one.isSubscribed) one.offset shouldBe one.log.last
        }
    }

    /** Advances the time and pauses publishing for some steps, so that histories become empty. */
    private fun pause() {
        now += LINGER.inWholeMilliseconds
        sweep() // ends unused topics: their histories then become outdated
        now += random.nextLong(40_000)
        quiet = random.nextInt(100)
    }

    private suspend fun publish(log: PublishedLog) {
        if (quiet-- > 0) return
        val size = if (random.nextInt(50) == 0) random.nextInt(400) else random.nextInt(40)
        val body = "${log.number++}:".padEnd(size, '.').encodeToByteArray()
        val users = registry.find(log.name)?.useCount ?: 0

        registry.publish(log.name, Body.bytes(body))

        log.add(registry, body)
        (registry.find(log.name)?.useCount ?: 0) shouldBe users
    }

    private suspend fun reconnect(reader: RecoveringReader) {
        val hub = registry.retain(reader.log.name)
        reader.log.checkEpoch(registry)
        if (random.nextInt(50) == 0) {
            val impossible = Position(reader.log.epoch!!, reader.log.last + 1 + random.nextInt(3))
            shouldThrow<BadPayloadException> { hub.subscribe(reader, ack, impossible, random.nextInt(ROOM)) }
            registry.release(reader.log.name)
            seen += "impossible"
            return
        }
        reader.hub = hub
        recordSituation(reader)
        onJoin(reader, hub.subscribe(reader, ack, reader.recoveryPosition(), random.nextInt(ROOM)))
    }

    private fun recordSituation(reader: RecoveringReader) {
        val position = reader.position ?: return
        val isGone = !reader.log.contains(position)
        val isOther = position.epoch != reader.log.epoch
        seen += if (isOther) "another epoch" else "${if (isGone) "gap" else "recovered"} ${reader.log.name}"
    }

    /** Catches up like a session: joins again at the position after the recovered messages. */
    private suspend fun catchUp(reader: RecoveringReader) {
        val behind = reader.behind!!
        val isThere = reader.log.contains(behind.position)
        val joining = reader.hub!!.subscribe(reader, ack = null, behind.position, random.nextInt(ROOM))
        (joining != SubscribeResult.HistoryEvicted) shouldBe isThere
        if (joining is SubscribeResult.CatchUp) seen += "behind again"
        if (joining == SubscribeResult.HistoryEvicted) seen += "${reader.log.name} went past one that caught up"
        onJoin(reader, joining)
    }

    private suspend fun onJoin(reader: RecoveringReader, joining: SubscribeResult) {
        reader.drain()
        reader.behind = joining as? SubscribeResult.CatchUp
        when (joining) {
            is SubscribeResult.CatchUp -> {
                seen += "behind"
                listOfNotNull(joining.ack?.message).plus(joining.messages).forEach(reader::onMessage)
                reader.offset shouldBe joining.position.offset
                joining.position shouldBe reader.log.position
            }
            SubscribeResult.Subscribed -> reader.isSubscribed = true
            SubscribeResult.HistoryEvicted -> leave(reader)
        }
    }

    private suspend fun leave(reader: RecoveringReader) {
        val hub = reader.hub ?: return
        if (reader.isSubscribed && random.nextBoolean()) hub.unsubscribe(reader, ack) else hub.unsubscribe(reader)
        reader.drain()
        registry.release(reader.log.name)
        reader.onDisconnect()
    }

    private fun sweep() {
        val active = logs.filter { registry.find(it.name) != null }
        registry.sweep()
        for (log in active) if (registry.find(log.name) == null) log.idleSince = now
        val stored = topics.broker.topics
        val isTooMuch = topics.broker.idleBytes > MAX_IDLE_BYTES

        topics.broker.sweep()

        (topics.broker.idleBytes <= MAX_IDLE_BYTES) shouldBe true
        for (log in logs) {
            if (log.name !in stored || log.name in topics.broker.topics) continue
            registry.find(log.name) shouldBe null
            if (!isTooMuch) log.isOutdated() shouldBe true
            seen += if (isTooMuch) "topic over the bound" else "outdated topic"
            log.forget()
        }
    }

    private companion object {
        const val READERS = 3
        const val ROOM = 8
        val LINGER = 1.seconds

        /** The size of two or three topics with their histories, as counted by the registry. */
        const val MAX_IDLE_BYTES = 12_000L
    }
}
