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

    test("a message within every limit is admitted") {
        val limiter = limiter()

        repeat(60) { limiter.admit(now = 0, size = 64 * 1024).shouldBeNull() }
    }

    test("too many messages are refused, with the wait and the limit") {
        val limiter = limiter {
            messagesPerSecond = 10
            burst = 2
        }
        repeat(2) { limiter.admit(0, size = 5) }

        val refusal = limiter.admit(0, size = 5).shouldNotBeNull()

        refusal.reason shouldBe "at most 10 messages a second"
        refusal.retryAfterMillis shouldBe 100
        refusal.isLast shouldBe false
        limiter.admit(100, size = 5).shouldBeNull()
    }

    test("too many bytes are refused though the messages are few, and only those that are too large for what is left") {
        val limiter = limiter {
            maxMessageSize = 1_000
            bytesPerSecond = 1_024
            byteBurst = 1_500
        }
        limiter.admit(0, size = 1_000).shouldBeNull()

        val refusal = limiter.admit(0, size = 1_000).shouldNotBeNull()

        refusal.reason shouldBe "at most 1024 bytes a second"
        refusal.retryAfterMillis shouldBe 489 // 500 bytes are left
        limiter.admit(0, size = 500).shouldBeNull()
    }

    test("pings and pongs count as messages and not as bytes") {
        val limiter = limiter {
            maxMessageSize = 128
            byteBurst = 128
            messagesPerSecond = 1
            burst = 2
        }
        limiter.admit(0, size = 128).shouldBeNull()

        limiter.admit(0, size = 0).shouldBeNull()
        limiter.admit(0, size = 0)?.reason shouldBe "at most 1 messages a second"
    }

    test("subscribes have a rate of their own, and room for the topics of a session that comes back") {
        val limiter = limiter()
        repeat(200) { limiter.admitSubscribe(0, size = 5).shouldBeNull() }

        val refusal = limiter.admitSubscribe(0, size = 5).shouldNotBeNull()

        refusal.reason shouldBe "at most 50 subscribes a second"
        refusal.retryAfterMillis shouldBe 20
        limiter.admit(0, size = 5).shouldBeNull()
    }

    test("a client that does not heed a limit is told for the last time, whichever limit it is") {
        val ways =
            listOf<Pair<LimitsConfig.() -> Unit, (InboundLimiter) -> Refusal?>>(
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

        for ((configure, send) in ways) {
            val limiter = limiter(configure)
            repeat(3) { send(limiter).shouldBeNull() }

            List(3) { send(limiter)?.isLast } shouldBe listOf(false, false, true)
        }
    }

    test("sessions of a user share what the user may send") {
        val (limiters, _) = ofOneUser()
        val (phone, laptop) = limiters
        repeat(2) { phone.admit(0, size = 1).shouldBeNull() }
        laptop.admit(0, size = 1).shouldBeNull()

        val refusal = laptop.admit(0, size = 1).shouldNotBeNull()

        refusal.reason shouldBe "at most 1 messages a second from all sessions of a user"
        refusal.retryAfterMillis shouldBe 1_000
        phone.admit(1_000, size = 1).shouldBeNull()
        laptop.admit(1_000, size = 1).shouldNotBeNull()
    }

    test("who does not heed a user's limit is closed, and the user's other sessions are not") {
        val (limiters, _) = ofOneUser()
        val (phone, laptop) = limiters

        List(6) { phone.admit(0, size = 1)?.isLast } shouldBe listOf(null, null, null, false, false, true)
        laptop.admit(0, size = 1)?.isLast shouldBe false
    }

    test("limits that are switched off never refuse") {
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

    test("who waits as long as every refusal says gets through after three waits at the most") {
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
                    val refusal = limiter.admit(now, size) ?: break
                    waits++
                    now += refusal.retryAfterMillis
                }
                waits shouldBeLessThanOrEqual 3 // the bytes' refusal costs a message: messages, bytes, messages
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
    return List(2) { InboundLimiter(settings).apply { user = rates.join("ann", now = 0) } } to rates
}
