package dev.live.server.limits

import dev.live.server.LimitsConfig
import dev.live.server.LiveConfig
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.longs.shouldBeLessThanOrEqual
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.pair
import io.kotest.property.checkAll

class InboundLimiterTest : FunSpec({

    test("a message within all limits is admitted") {
        val limiter = limiter()

        repeat(60) { limiter.admit(now = 0, size = 64 * 1024).shouldBeNull() }
    }

    test("a message over the rate is rejected with the limit and the wait") {
        val limiter = limiter {
            messagesPerSecond = 10
            burst = 2
        }
        repeat(2) { limiter.admit(0, size = 5) }

        val rejection = limiter.admit(0, size = 5).shouldNotBeNull()

        rejection.reason shouldBe "rate limit exceeded: at most 10 messages per second"
        rejection.retryAfterMillis shouldBe 100
        rejection.closesSession shouldBe false
        limiter.admit(100, size = 5).shouldBeNull()
    }

    test("bytes over the rate are rejected, and a smaller message that fits is admitted") {
        val limiter = limiter {
            maxMessageSize = 1_000
            bytesPerSecond = 1_024
            byteBurst = 1_500
        }
        limiter.admit(0, size = 1_000).shouldBeNull()

        val rejection = limiter.admit(0, size = 1_000).shouldNotBeNull()

        rejection.reason shouldBe "rate limit exceeded: at most 1024 bytes per second"
        rejection.retryAfterMillis shouldBe 489 // 500 bytes are left
        limiter.admit(0, size = 500).shouldBeNull()
    }

    test("pings and pongs count as messages, not as bytes") {
        val limiter = limiter {
            maxMessageSize = 128
            byteBurst = 128
            messagesPerSecond = 1
            burst = 2
        }
        limiter.admit(0, size = 128).shouldBeNull()

        limiter.admit(0, size = 0).shouldBeNull()
        limiter.admit(0, size = 0)?.reason shouldBe "rate limit exceeded: at most 1 messages per second"
    }

    test("subscribes have their own rate, with a burst for a resubscribing session") {
        val limiter = limiter()
        repeat(200) { limiter.admitSubscribe(0, size = 5).shouldBeNull() }

        val rejection = limiter.admitSubscribe(0, size = 5).shouldNotBeNull()

        rejection.reason shouldBe "rate limit exceeded: at most 50 subscribes per second"
        rejection.retryAfterMillis shouldBe 20
        limiter.admit(0, size = 5).shouldBeNull()
    }

    test("a client that ignores any limit receives a last rejection") {
        val limits =
            listOf<Pair<LimitsConfig.() -> Unit, (InboundLimiter) -> RateRejection?>>(
                Pair({
                    messagesPerSecond = 1
                    burst = 3
                }, { it.admit(0, size = 1) }),
                Pair({
                    maxMessageSize = 128
                    byteBurst = 300
                }, { it.admit(0, size = 100) }),
                Pair({
                    subscribesPerSecond = 1
                    subscribeBurst = 3
                }, { it.admitSubscribe(0, size = 5) }),
            )

        for ((configure, send) in limits) {
            val limiter = limiter(configure)
            repeat(3) { send(limiter).shouldBeNull() }

            List(3) { send(limiter)?.closesSession } shouldBe listOf(false, false, true)
        }
    }

    test("sessions of one user share the per-user limit") {
        val (limiters, _) = ofOneUser()
        val (phone, laptop) = limiters
        repeat(2) { phone.admit(0, size = 1).shouldBeNull() }
        laptop.admit(0, size = 1).shouldBeNull()

        val rejection = laptop.admit(0, size = 1).shouldNotBeNull()

        rejection.reason shouldBe "rate limit exceeded: at most 1 messages per second across all sessions of a user"
        rejection.retryAfterMillis shouldBe 1_000
        phone.admit(1_000, size = 1).shouldBeNull()
        laptop.admit(1_000, size = 1).shouldNotBeNull()
    }

    test("a session that ignores the per-user limit is closed, the user's other sessions are not") {
        val (limiters, _) = ofOneUser()
        val (phone, laptop) = limiters

        List(6) { phone.admit(0, size = 1)?.closesSession } shouldBe listOf(null, null, null, false, false, true)
        laptop.admit(0, size = 1)?.closesSession shouldBe false
    }

    test("disabled limits never reject") {
        val limiter = limiter {
            messagesPerSecond = Int.MAX_VALUE
            bytesPerSecond = Int.MAX_VALUE
            subscribesPerSecond = Int.MAX_VALUE
        }

        repeat(10_000) {
            limiter.admit(0, size = 64 * 1024).shouldBeNull()
            limiter.admitSubscribe(0, size = 5).shouldBeNull()
        }
    }

    test("a client that waits as long as each rejection requires is admitted after at most three waits") {
        val messages = Arb.list(Arb.pair(Arb.int(0..200), Arb.int(1..1_000)), 1..80)
        checkAll(Arb.int(1..50), Arb.int(1_024..9_000), messages) { messageRate, byteRate, sent ->
            val limiter = limiter {
                maxMessageSize = 1_000
                messagesPerSecond = messageRate
                burst = 5
                bytesPerSecond = byteRate
                byteBurst = 2_000
            }
            var now = 0L
            for ((pause, size) in sent) {
                now += pause
                var waits = 0L
                while (true) {
                    val rejection = limiter.admit(now, size) ?: break
                    waits++
                    now += rejection.retryAfterMillis
                }
                waits shouldBeLessThanOrEqual 3 // a rejection for bytes costs a message: messages, bytes, messages
            }
        }
    }
})

private fun limiter(configure: LimitsConfig.() -> Unit = {}) = InboundLimiter(settings(configure))

private fun settings(configure: LimitsConfig.() -> Unit) = LiveConfig().apply { limits(configure) }.build().limits

private fun ofOneUser(): Pair<List<InboundLimiter>, UserRates> {
    val settings = settings {
        messagesPerSecondPerUser = 1
        burstPerUser = 3
    }
    val rates = UserRates(settings.userMessages)
    return List(2) { InboundLimiter(settings).apply { user = rates.retain("ann", now = 0) } } to rates
}
