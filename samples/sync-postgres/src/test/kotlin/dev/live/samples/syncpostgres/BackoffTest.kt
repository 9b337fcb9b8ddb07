package dev.live.samples.syncpostgres

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.comparables.shouldBeGreaterThanOrEqualTo
import io.kotest.matchers.comparables.shouldBeLessThanOrEqualTo
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.long
import io.kotest.property.checkAll
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class BackoffTest : FunSpec({

    test("each delay is between half and all of the doubled delay, and at most the longest") {
        checkAll(Arb.int(1..10), Arb.long()) { failures, seed ->
            val whole = minOf(250.milliseconds * (1 shl (failures - 1)), 30.seconds)

            val wait = Backoff(250.milliseconds, 30.seconds, Random(seed)).delayAfter(failures)

            wait shouldBeGreaterThanOrEqualTo whole / 2
            wait shouldBeLessThanOrEqualTo whole
        }
    }

    test("the delay is positive and bounded after any number of failures") {
        checkAll(Arb.int(11..Int.MAX_VALUE)) { failures ->
            val wait = Backoff(250.milliseconds, 30.seconds).delayAfter(failures)

            wait shouldBeGreaterThanOrEqualTo 15.seconds
            wait shouldBeLessThanOrEqualTo 30.seconds
        }
    }
})
