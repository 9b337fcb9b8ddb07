package dev.live.server.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Position
import dev.live.server.support.text
import dev.live.server.support.textMessage
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.pair
import io.kotest.property.checkAll
import kotlin.time.Duration.Companion.seconds

class HistoryTest : FunSpec({

    test("messages are numbered from 1, and since returns those after a position") {
        val history = history()

        history.append(textMessage("a")).offset shouldBe 1
        history.append(textMessage("b")).offset shouldBe 2

        history.position.offset shouldBe 2
        history.since(history.at(0))!!.map { it.message.text() } shouldContainExactly listOf("a", "b")
        history.since(history.at(1))!!.map { it.message.text() } shouldContainExactly listOf("b")
        history.since(history.at(2)) shouldBe emptyList()
    }

    test("history keeps messages within all three bounds, and since returns all after a position or null") {
        checkAll(Arb.int(1..5), Arb.int(1..30), Arb.list(Arb.pair(Arb.int(0..12), Arb.int(0..3)), 0..40)) {
            size,
            bytes,
            steps,
            ->
            var now = 0L
            val history = History(HistorySettings(size, age = 5.seconds, bytes)) { now }
            val all = mutableListOf<Pair<Long, String>>() // includes evicted messages

            for ((length, seconds) in steps) {
                now += seconds * 1_000
                val text = "${'a' + all.size % 26}".repeat(length)
                history.append(textMessage(text))
                all += now to text
                val kept = kept(all, now, size, bytes)

                for (offset in 0..all.size) {
                    val missing = all.size - offset
                    val expected = all.takeLast(missing).map { it.second }.takeIf { missing <= kept }
                    history.since(history.at(offset.toLong()))?.map { it.message.text() } shouldBe expected
                }
            }
        }
    }

    test("an offset beyond the newest is an error, a position of another epoch is evicted") {
        val history = history().apply { append(textMessage("a")) }

        shouldThrow<BadPayloadException> { history.since(history.at(2)) }.reason shouldBe
            "offset must be at most 1, the topic's newest, was 2"
        history.since(Position("other", 1)).shouldBeNull()
        history.since(Position("other", 99)).shouldBeNull()
        history().position.epoch shouldNotBe history.position.epoch
    }

    test("outdated messages are evicted, and an empty history expires") {
        var now = 0L
        val history = History(HistorySettings(size = 10, age = 5.seconds, bytes = 100)) { now }
        history.isEmpty shouldBe true
        history.append(textMessage("a"))
        history.isEmpty shouldBe false

        history.hasExpired(5_000) shouldBe false
        history.hasExpired(5_001) shouldBe true
        now = 5_001
        history.evict()

        history.isEmpty shouldBe true
        history.bytes shouldBe 0
        history.since(history.at(0)).shouldBeNull()
        history.since(history.at(1)) shouldBe emptyList()
    }
})

private fun history() = History(HistorySettings(size = 100, age = 60.seconds, bytes = 10_000)) { 0 }

private fun History.at(offset: Long) = Position(position.epoch, offset)

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
