package dev.live.server.limits

import dev.live.server.support.MIB
import dev.live.server.support.liveHeap
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.longs.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll

class BadMessageCounterTest : FunSpec({

    test("the tenth bad message within a minute exceeds the limit") {
        val counter = BadMessageCounter(limit = 10, windowMillis = 60_000)

        List(10) { counter.count(it * 6_000L) } shouldBe List(9) { false } + true
    }

    test("a bad message expires after a minute") {
        val counter = BadMessageCounter(limit = 2, windowMillis = 60_000)

        counter.count(0) shouldBe false
        counter.count(60_001) shouldBe false
        counter.count(120_001) shouldBe true
    }

    test("with a limit of 1 the first bad message exceeds it") {
        BadMessageCounter(limit = 1, windowMillis = 60_000).count(0) shouldBe true
    }

    test("a high limit does not allocate memory in advance") {
        val before = liveHeap()
        val counters = List(10) { BadMessageCounter(Int.MAX_VALUE, windowMillis = 60_000) }

        for (now in 0L until 600_000L) counters.forEach { it.count(now) shouldBe false }

        (liveHeap() - before) shouldBeLessThan MIB
        counters.size shouldBe 10 // keeps the counters reachable
    }

    test("a high limit is counted within the window, and expires within two parts of it") {
        val counter = BadMessageCounter(limit = 100_000, windowMillis = 60_000)
        repeat(99_999) { counter.count(it / 10L) shouldBe false }
        counter.count(10_000) shouldBe true

        counter.count(72_100) shouldBe false
    }

    test("the limit is exceeded exactly when that many lie within the window") {
        checkAll(Arb.int(1..6), Arb.int(1..100), Arb.list(Arb.int(0..60), 0..50)) { limit, window, pauses ->
            val counter = BadMessageCounter(limit, window.toLong())
            val times = pauses.runningFold(0L, Long::plus).drop(1)

            for ((number, now) in times.withIndex()) {
                val recent = times.take(number + 1).count { now - it <= window }
                counter.count(now) shouldBe (recent >= limit)
            }
        }
    }
})
