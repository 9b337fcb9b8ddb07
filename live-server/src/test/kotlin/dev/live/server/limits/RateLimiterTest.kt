package dev.live.server.limits

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.doubles.shouldBeLessThanOrEqual
import io.kotest.matchers.longs.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.pair
import io.kotest.property.checkAll

class RateLimiterTest : FunSpec({

    test("a burst passes at once, then one message per interval") {
        val limiter = RateLimiter(Rate(perSecond = 10, burst = 3), start = 0)

        List(4) { limiter.take(0) == 0L } shouldBe listOf(true, true, true, false)
        limiter.take(99) shouldBeGreaterThan 0
        limiter.take(100) shouldBe 0
        limiter.take(100) shouldBeGreaterThan 0
    }

    test("an idle period accumulates at most one burst") {
        val limiter = RateLimiter(Rate(perSecond = 10, burst = 3), start = 0)

        List(5) { limiter.take(1_000_000) == 0L }.count { it } shouldBe 3
    }

    test("no window passes more messages than burst and rate allow") {
        checkAll(Arb.int(1..50), Arb.int(1..20), Arb.list(Arb.int(0..300), 1..100)) { perSecond, burst, pauses ->
            val limiter = RateLimiter(Rate(perSecond, burst), start = 0)
            val passed = mutableListOf<Long>()
            var now = 0L
            for (pause in pauses) {
                now += pause
                repeat(3) { if (limiter.take(now) == 0L) passed += now }
            }

            for (first in passed.indices) {
                for (last in first..<passed.size) {
                    val seconds = (passed[last] - passed[first]) / 1_000.0
                    (last - first + 1).toDouble() shouldBeLessThanOrEqual burst + perSecond * seconds + TOLERANCE
                }
            }
        }
    }

    test("the returned wait is sufficient, and one millisecond less is not") {
        val takes = Arb.list(Arb.pair(Arb.int(0..300), Arb.int(1..2_000)), 1..60)
        checkAll(Arb.int(1..9_000), Arb.int(2_000..9_000), takes) { perSecond, burst, taken ->
            val limiter = RateLimiter(Rate(perSecond, burst), start = 0)
            var now = 0L
            for ((pause, amount) in taken) {
                now += pause
                val wait = limiter.take(now, amount)
                if (wait == 0L) continue
                limiter.take(now + wait - 1, amount) shouldBe 1
                now += wait
                limiter.take(now, amount) shouldBe 0
            }
        }
    }

    test("the highest rate and an idle period of years do not overflow") {
        val limiter = RateLimiter(Rate(perSecond = Int.MAX_VALUE - 1, burst = Int.MAX_VALUE), start = 0)
        limiter.take(0, amount = Int.MAX_VALUE) shouldBe 0

        limiter.take(1, amount = Int.MAX_VALUE) shouldBe 1_000
        limiter.take(Long.MAX_VALUE / 2, amount = Int.MAX_VALUE) shouldBe 0
    }

    test("an amount passes completely or not at all") {
        val limiter = RateLimiter(Rate(perSecond = 1_000, burst = 5_000), start = 0)

        limiter.take(0, amount = 3_000) shouldBe 0
        limiter.take(0, amount = 3_000) shouldBe 1_000
        limiter.take(0, amount = 2_000) shouldBe 0
        limiter.take(2_999, amount = 3_000) shouldBe 1
        limiter.take(3_000, amount = 3_000) shouldBe 0
    }

    test("no window passes more bytes than burst and rate allow") {
        val messages = Arb.list(Arb.pair(Arb.int(0..300), Arb.int(1..2_000)), 1..60)
        checkAll(Arb.int(1..5_000), Arb.int(2_000..9_000), messages) { perSecond, burst, sent ->
            val limiter = RateLimiter(Rate(perSecond, burst), start = 0)
            val passed = mutableListOf<Pair<Long, Int>>()
            var now = 0L
            for ((pause, size) in sent) {
                now += pause
                if (limiter.take(now, size) == 0L) passed += now to size
            }

            for (first in passed.indices) {
                var sum = 0L
                for (last in first..<passed.size) {
                    sum += passed[last].second
                    val seconds = (passed[last].first - passed[first].first) / 1_000.0
                    sum.toDouble() shouldBeLessThanOrEqual burst + perSecond * seconds + TOLERANCE
                }
            }
        }
    }

    test("a clock that goes back slightly neither grants nor costs tokens") {
        val limiter = RateLimiter(Rate(perSecond = 10, burst = 1), start = 1_000)
        limiter.take(1_000) shouldBe 0

        limiter.take(900) shouldBe 100
        limiter.take(1_000) shouldBe 100
        limiter.take(1_100) shouldBe 0
    }

    test("a limiter is exhausted after rejecting a burst of bytes") {
        val limiter = RateLimiter(Rate(perSecond = 1, burst = 1_000), start = 0)
        limiter.take(0, amount = 1_000)

        List(3) { limiter.take(0, amount = 400).let { limiter.isExhausted } } shouldBe listOf(false, false, true)
    }

    test("a limiter is exhausted after rejecting a burst of messages") {
        val limiter = RateLimiter(Rate(perSecond = 1, burst = 3), start = 0)
        repeat(3) { limiter.take(0) }

        List(3) { limiter.take(0).let { limiter.isExhausted } } shouldBe listOf(false, false, true)
    }

    test("rejections decay at the rate, and a passed message does not clear them") {
        val limiter = RateLimiter(Rate(perSecond = 1, burst = 3), start = 0)
        repeat(5) { limiter.take(0) }

        limiter.take(1_000) shouldBe 0
        limiter.take(1_000) shouldBeGreaterThan 0

        limiter.isExhausted shouldBe false
        limiter.take(1_000)
        limiter.isExhausted shouldBe true
    }

    test("a steady flood exhausts the limiter, a slightly too fast client does not") {
        fun isExhaustedWithin(seconds: Int, perSecond: Int): Boolean {
            val limiter = RateLimiter(Rate(perSecond = 100, burst = 200), start = 0)
            return (1..seconds * perSecond).any { n ->
                limiter.take(n * 1_000L / perSecond)
                limiter.isExhausted
            }
        }

        for (flood in listOf(250, 1_000, 19_000)) isExhaustedWithin(seconds = 60, flood) shouldBe true
        isExhaustedWithin(seconds = 60, perSecond = 150) shouldBe false
    }
})

private const val TOLERANCE = 1e-6
