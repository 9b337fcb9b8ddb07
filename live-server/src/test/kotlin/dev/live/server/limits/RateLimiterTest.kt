package dev.live.server.limits

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.doubles.shouldBeLessThanOrEqual
import io.kotest.matchers.longs.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll

class RateLimiterTest : FunSpec({

    test("a burst goes through at once, and then one message per interval") {
        val limiter = RateLimiter(perSecond = 10, burst = 3, start = 0)

        List(4) { limiter.take(0) == 0L } shouldBe listOf(true, true, true, false)
        limiter.take(99) shouldBeGreaterThan 0
        limiter.take(100) shouldBe 0
        limiter.take(100) shouldBeGreaterThan 0
    }

    test("silence saves up a burst and no more") {
        val limiter = RateLimiter(perSecond = 10, burst = 3, start = 0)

        List(5) { limiter.take(1_000_000) == 0L }.count { it } shouldBe 3
    }

    test("in no window do more messages pass than the burst and the rate allow") {
        checkAll(Arb.int(1..50), Arb.int(1..20), Arb.list(Arb.int(0..300), 1..100)) { perSecond, burst, pauses ->
            val limiter = RateLimiter(perSecond, burst, start = 0)
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

    test("who waits as long as the refusal says gets through, and who waits two milliseconds less does not") {
        checkAll(Arb.int(1..1_000), Arb.int(1..20), Arb.int(0..5_000)) { perSecond, burst, pause ->
            val limiter = RateLimiter(perSecond, burst, start = 0)
            while (limiter.take(0) == 0L) continue
            var now = pause.toLong()
            var wait = limiter.take(now)
            while (wait == 0L) wait = limiter.take(now)

            if (wait > 2) limiter.take(now + wait - 2) shouldBeGreaterThan 0
            now += wait

            limiter.take(now) shouldBe 0
        }
    }

    test("a client is exhausting once it was refused a whole burst") {
        val limiter = RateLimiter(perSecond = 1, burst = 3, start = 0)
        repeat(3) { limiter.take(0) }

        List(3) { limiter.take(0).let { limiter.isExhausted } } shouldBe listOf(false, false, true)
    }

    test("refusals fade at the rate, and a message that passes does not wipe them out") {
        val limiter = RateLimiter(perSecond = 1, burst = 3, start = 0)
        repeat(5) { limiter.take(0) }

        limiter.take(1_000) shouldBe 0
        limiter.take(1_000) shouldBeGreaterThan 0

        limiter.isExhausted shouldBe false
        limiter.take(1_000)
        limiter.isExhausted shouldBe true
    }

    test("a steady flood is exhausting however many of its messages pass, and a client a little too fast is not") {
        fun isExhaustedWithin(seconds: Int, perSecond: Int): Boolean {
            val limiter = RateLimiter(perSecond = 100, burst = 200, start = 0)
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
