package dev.live.client.connection

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.comparables.shouldBeLessThan
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.ranges.shouldBeIn
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.long
import io.kotest.property.checkAll
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class ExponentialBackoffTest : FunSpec({

    test("every delay is between zero and the ceiling of its attempt, and never above maxDelay") {
        checkAll(Arb.int(0..Int.MAX_VALUE - 1), Arb.long(1L..10_000L), Arb.long(0L..100_000L), Arb.long()) {
            attempt,
            base,
            extra,
            seed,
            ->
            val baseDelay = base.milliseconds
            val maxDelay = (base + extra).milliseconds
            val ceiling = if (attempt < 20) minOf(maxDelay, baseDelay * (1 shl attempt)) else maxDelay

            val delay = ExponentialBackoff(
                baseDelay,
                maxDelay,
                growth = 2.0,
                random = Random(seed),
            ).delayBefore(attempt)

            delay.shouldNotBeNull() shouldBeIn Duration.ZERO..ceiling
        }
    }

    test("the jitter is full: delays reach from near zero to near the ceiling") {
        val backoff = ExponentialBackoff(1.seconds, 8.seconds, random = Random(1))

        val delays = List(1000) { backoff.delayBefore(20)!! }

        delays.min() shouldBeLessThan 0.1.seconds
        withClue("longest of 1000") { delays.max() shouldBeIn 7.9.seconds..8.seconds }
    }

    test("it gives up after maxAttempts") {
        val backoff = ExponentialBackoff(maxAttempts = 2)

        List(4) { backoff.delayBefore(it) == null } shouldBe listOf(false, false, true, true)
    }

    test("invalid settings are rejected with the value") {
        shouldThrow<IllegalArgumentException> { ExponentialBackoff(baseDelay = 0.seconds) }.message shouldBe
            "baseDelay must be positive, was 0s"
        shouldThrow<IllegalArgumentException> { ExponentialBackoff(2.seconds, 1.seconds) }.message shouldBe
            "maxDelay (1s) must not be below baseDelay (2s)"
        shouldThrow<IllegalArgumentException> { ExponentialBackoff(maxAttempts = -1) }.message shouldBe
            "maxAttempts must not be negative, was -1"
        for (growth in listOf(0.99, Double.NaN, Double.POSITIVE_INFINITY)) {
            shouldThrow<IllegalArgumentException> { ExponentialBackoff(growth = growth) }.message shouldBe
                "growth must be finite and at least 1, was $growth"
        }
    }
})
