package dev.live.server.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.Position
import dev.live.server.broker.Publication
import dev.live.server.support.FakeCodec
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.test.runTest
import kotlin.random.Random
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds

/**
 * Topics whose histories are evicted by count, by bytes, by age and by all three, and forgotten while nobody is there,
 * against a list of all that was published: who comes back gets exactly what is missing, or is told of a gap, and only
 * if there is one.
 */
class RecoveryModelTest : FunSpec({

    for (seed in 1..3) {
        test("every reader has what was published, or a gap that is one, after 20,000 steps with seed $seed") {
            runTest {
                val model = RecoveryModel(backgroundScope, Random(seed))

                repeat(20_000) { model.step() }

                model.seen shouldContainAll model.possible
            }
        }
    }
})

private val policies =
    mapOf(
        "by count" to HistorySettings(size = 20, age = 1.hours, bytes = 1_000_000),
        "by bytes" to HistorySettings(size = 1_000, age = 1.hours, bytes = 300),
        "by age" to HistorySettings(size = 1_000, age = 10.seconds, bytes = 1_000_000),
        "by all" to HistorySettings(size = 25, age = 20.seconds, bytes = 600),
    )

private class RecoveryModel(scope: CoroutineScope, private val random: Random) {
    private var now = 0L
    private var quiet = 0

    private val registry =
        TopicRegistry(
            TopicRuntime(scope, CodecTable(listOf(FakeCodec())), buffer = 64) { now },
            linger = 1.seconds,
            { TopicPolicy(history = policies.getValue(it)) },
            MAX_IDLE_BYTES,
        )
    private val logs = policies.map { (name, settings) -> PublishedLog(name, settings) { now } }
    private val readers = logs.flatMap { log -> List(READERS) { RecoveringReader(log) } }

    /** What has happened at least once. A model in which something never does says nothing about it. */
    val seen = HashSet<String>()

    val possible =
        policies.keys.flatMap { listOf("recovered $it", "gap $it", "$it went past one that caught up") } +
            listOf("another epoch", "behind", "behind again", "impossible", "outdated topic", "topic over the bound")

    suspend fun step() {
        val reader = readers.random(random)
        when (random.nextInt(100)) {
            in 0..54 -> publish(logs.random(random))
            in 55..69 -> if (reader.hub == null) comeBack(reader)
            in 70..81 -> leave(reader)
            in 82..89 -> if (reader.behind != null) catchUp(reader)
            in 90..94 -> now += random.nextLong(2_000)
            95 -> pause()
            else -> sweep()
        }
        for (one in readers) {
            one.drain()
            if (one.isIn) one.has shouldBe one.log.last
        }
    }

    /** A long time, and nobody publishes for some steps: so histories are empty while readers come and go. */
    private fun pause() {
        now += random.nextLong(40_000)
        quiet = random.nextInt(100)
    }

    private suspend fun publish(log: PublishedLog) {
        if (quiet-- > 0) return
        val size = if (random.nextInt(50) == 0) random.nextInt(400) else random.nextInt(40)
        val body = "${log.number++}:".padEnd(size, '.').encodeToByteArray()
        val users = registry.find(log.name)?.users ?: 0

        registry.deliver(Publication(log.name, Body.bytes(body)))

        log.add(registry.find(log.name).shouldNotBeNull(), body)
        registry.find(log.name)!!.users shouldBe users
    }

    private suspend fun comeBack(reader: RecoveringReader) {
        val hub = registry.retain(reader.log.name).also { reader.log.isOf(it) }
        if (random.nextInt(50) == 0) {
            val impossible = Position(reader.log.epoch!!, reader.log.last + 1 + random.nextInt(3))
            shouldThrow<BadPayloadException> { hub.join(reader, ack, impossible, random.nextInt(ROOM)) }
            registry.release(reader.log.name)
            seen += "impossible"
            return
        }
        reader.hub = hub
        note(reader)
        took(reader, hub.join(reader, ack, reader.expect(), random.nextInt(ROOM)))
    }

    private fun note(reader: RecoveringReader) {
        val position = reader.position ?: return
        val isGone = !reader.log.keeps(position)
        val isOther = position.epoch != reader.log.epoch
        seen += if (isOther) "another epoch" else "${if (isGone) "gap" else "recovered"} ${reader.log.name}"
    }

    /** As a session catches up: it joins again behind what it was given. */
    private suspend fun catchUp(reader: RecoveringReader) {
        val behind = reader.behind!!
        val isThere = reader.log.keeps(behind.position)
        val joining = reader.hub!!.join(reader, ack = null, behind.position, random.nextInt(ROOM))
        (joining != Joining.HistoryEvicted) shouldBe isThere
        if (joining is Joining.Behind) seen += "behind again"
        if (joining == Joining.HistoryEvicted) seen += "${reader.log.name} went past one that caught up"
        took(reader, joining)
    }

    private suspend fun took(reader: RecoveringReader, joining: Joining) {
        reader.drain()
        reader.behind = joining as? Joining.Behind
        when (joining) {
            is Joining.Behind -> {
                seen += "behind"
                listOfNotNull(joining.ack).plus(joining.messages).forEach(reader::take)
                reader.has shouldBe joining.position.offset
                joining.position shouldBe reader.log.position
            }
            Joining.In -> reader.isIn = true
            Joining.HistoryEvicted -> leave(reader)
        }
    }

    private suspend fun leave(reader: RecoveringReader) {
        val hub = reader.hub ?: return
        if (reader.isIn && random.nextBoolean()) hub.leave(reader, ack) else hub.leave(reader)
        reader.drain()
        registry.release(reader.log.name)
        reader.gone()
    }

    private fun sweep() {
        val idle = logs.mapNotNull { registry.find(it.name) }
        val isTooMuch = idle.sumOf { it.idleBytes } > MAX_IDLE_BYTES
        val before = idle.associateBy { it.name }

        registry.sweep()

        (logs.mapNotNull { registry.find(it.name) }.sumOf { it.idleBytes } <= MAX_IDLE_BYTES) shouldBe true
        for (log in logs) {
            val hub = before[log.name] ?: continue
            if (registry.find(log.name) != null) continue
            hub.users shouldBe 0
            if (!isTooMuch) log.isOutdated(hub.idleSince) shouldBe true
            seen += if (isTooMuch) "topic over the bound" else "outdated topic"
            log.forget()
        }
    }

    private companion object {
        const val READERS = 3
        const val ROOM = 8

        /** Of two or three topics with what they keep, by the registry's own count. */
        const val MAX_IDLE_BYTES = 12_000L
    }
}
