package dev.live.server.broker

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.Position
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.pair
import io.kotest.property.checkAll
import kotlin.time.Duration.Companion.seconds

class MemoryHistoryTest : FunSpec({

    test("messages are numbered from 1, and since returns those after a position") {
        val history = history()

        history.append(text("a")).offset shouldBe 1
        history.append(text("b")).offset shouldBe 2

        history.position.offset shouldBe 2
        history.texts(since = 0) shouldBe listOf("a", "b")
        history.texts(since = 1) shouldBe listOf("b")
        history.texts(since = 2) shouldBe emptyList()
        history.read(since = null).entries.map { it.position.offset } shouldContainExactly listOf(1, 2)
    }

    test("history keeps messages within all three bounds, and since returns all after a position or null") {
        checkAll(Arb.int(1..5), Arb.int(1..30), Arb.list(Arb.pair(Arb.int(0..12), Arb.int(0..3)), 0..40)) {
            size,
            bytes,
            steps,
            ->
            var now = 0L
            val history = MemoryHistory(HistoryBounds(size, age = 5.seconds, bytes)) { now }
            val all = mutableListOf<Pair<Long, String>>() // includes evicted messages

            for ((length, seconds) in steps) {
                now += seconds * 1_000
                val text = "${'a' + all.size % 26}".repeat(length)
                history.append(text(text))
                all += now to text
                val kept = kept(all, now, size, bytes)

                for (offset in 0..all.size) {
                    val missing = all.size - offset
                    val expected = all.takeLast(missing).map { it.second }.takeIf { missing <= kept }
                    history.texts(offset.toLong()) shouldBe expected
                }
            }
        }
    }

    test("an offset beyond the newest is an error, a position of another epoch is evicted") {
        val history = history().apply { append(text("a")) }

        shouldThrow<BadPayloadException> { history.read(history.at(2)) }.reason shouldBe
            "offset must be at most 1, the topic's newest, was 2"
        history.read(Position("other", 1)).isComplete shouldBe false
        history.read(Position("other", 99)).isComplete shouldBe false
        history.read(Position("other", 99)).entries shouldHaveSize 1
        history().position.epoch shouldNotBe history.position.epoch
    }

    test("outdated messages are evicted, and an empty history expires") {
        var now = 0L
        val history = MemoryHistory(HistoryBounds(size = 10, age = 5.seconds, bytes = 100)) { now }
        history.append(text("a"))

        now = 5_000
        history.texts(since = 0) shouldBe listOf("a")
        now = 5_001
        history.texts(since = 0) shouldBe null

        history.bytes shouldBe 0
        history.texts(since = 1) shouldBe emptyList()
        history.isOutdated shouldBe true
        history.isSubscribed = true
        history.isOutdated shouldBe false
    }
})

private fun history() = MemoryHistory(HistoryBounds(size = 100, age = 60.seconds, bytes = 10_000)) { 0 }

private fun text(text: String) = Publication("t", Body.bytes(text.encodeToByteArray()))

/** The payloads after offset [since]; null if some were evicted. */
private fun MemoryHistory.texts(since: Long): List<String>? {
    val read = read(at(since))
    return read.entries.map {
        (it.publication.body as Body.Bytes).toByteArray().decodeToString()
    }.takeIf { read.isComplete }
}

private fun MemoryHistory.at(offset: Long) = Position(position.epoch, offset)

/** The number of messages of [all] within the bounds. */
private fun kept(all: List<Pair<Long, String>>, now: Long, size: Int, bytes: Int): Int {
    var count = all.size
    while (count > 0) {
        val rest = all.takeLast(count)
        if (count <= size && rest.sumOf { it.second.length } <= bytes && now - rest.first().first <= 5_000) break
        count--
    }
    return count
}
