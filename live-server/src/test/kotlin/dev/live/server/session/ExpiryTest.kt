@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.server.support.TestSession
import dev.live.server.support.sessionSettings
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.milliseconds

class ExpiryTest : FunSpec({

    test("the client is warned once before its token expires, and the session ends at expiry") {
        runTest {
            val one = expiring(Expiry(at = 100_000, warnAt = 40_000))

            advanceTimeTo(39_999)
            one.socket.texts().shouldBeEmpty()
            advanceTimeTo(40_000)
            one.socket.texts() shouldContainExactly listOf("expiring")
            advanceTimeTo(99_999)
            one.socket.texts() shouldContainExactly listOf("expiring")
            one.session.isOpen shouldBe true
            advanceTimeTo(100_000)

            one.reasons.single().code shouldBe CloseCode.NotAuthenticated
            one.reasons.single().reason shouldBe "token expired"
            one.socket.closings.single().code shouldBe 4401
        }
    }

    test("queued messages are written before the close at expiry") {
        runTest {
            val one = expiring(Expiry(at = 1_000, warnAt = Long.MAX_VALUE))
            one.socket.stalled = true
            one.session.trySend(textMessage("a"))
            one.session.trySend(textMessage("b"))

            advanceTimeTo(1_000)
            one.socket.stalled = false
            runCurrent()

            one.socket.texts() shouldContainExactly listOf("a", "b")
            one.reasons.single().code shouldBe CloseCode.NotAuthenticated
        }
    }

    test("a session with a renewed token continues, and is warned again before the new expiry") {
        runTest {
            val one = expiring(Expiry(at = 100_000, warnAt = 40_000))
            advanceTimeTo(50_000)

            one.session.state.renew(Expiry(at = 200_000, warnAt = 140_000)) shouldBe true

            advanceTimeTo(139_999)
            one.socket.texts() shouldContainExactly listOf("expiring")
            advanceTimeTo(140_000)
            one.socket.texts() shouldContainExactly listOf("expiring", "expiring")
            advanceTimeTo(199_999)
            one.session.isOpen shouldBe true
            advanceTimeTo(200_000)
            one.session.isOpen shouldBe false
        }
    }

    test("renewal without an expiry stops the timer") {
        runTest {
            val one = expiring(Expiry(at = 100_000, warnAt = 40_000))
            advanceTimeTo(50_000)

            one.session.state.renew(null) shouldBe true
            advanceTimeTo(10_000_000)

            one.session.isOpen shouldBe true
            one.session.close()
        }
    }

    test("a renewal that does not extend the expiry sends no second warning") {
        runTest {
            val one = expiring(Expiry(at = 100_000, warnAt = 40_000))
            advanceTimeTo(50_000)

            repeat(3) { one.session.state.renew(Expiry(at = 100_001, warnAt = 50_000)) }
            advanceTimeTo(99_000)

            one.socket.texts() shouldContainExactly listOf("expiring")
            one.session.close()
        }
    }

    test("a renewal after the session has ended is rejected") {
        runTest {
            val one = expiring(Expiry(at = 1_000, warnAt = 500))
            one.socket.stalled = true
            one.session.trySend(textMessage("a")) // a queued message keeps the session from closing
            advanceTimeTo(1_000)

            one.session.state.renew(Expiry(at = 9_000, warnAt = 8_000)) shouldBe false

            one.socket.stalled = false
            runCurrent()
            one.reasons.single().code shouldBe CloseCode.NotAuthenticated
        }
    }

    test("a warning that does not fit into a full queue is sent later") {
        runTest {
            val one = expiring(Expiry(at = 9_000, warnAt = 1_000), queueCapacity = 1)
            one.socket.stalled = true
            while (one.session.trySend(textMessage("a"))) runCurrent()

            advanceTimeTo(2_000)
            one.socket.stalled = false
            advanceTimeTo(2_200)

            one.socket.texts().last() shouldBe "expiring"
            one.session.close()
        }
    }
})

private fun TestScope.expiring(expiry: Expiry, queueCapacity: Int = 256): TestSession {
    val settings = sessionSettings(queueCapacity, heartbeatInterval = 1.days, heartbeatTimeout = 2.days)
    val one = TestSession(this, settings)
    one.onOpen = {
        it.state.expiry = expiry
        null
    }
    backgroundScope.launch { Sweeper(one.sessions, one.topics, period = 100.milliseconds) { currentTime }.run() }
    one.start()
    return one
}

private fun TestScope.advanceTimeTo(millis: Long) {
    advanceTimeBy(millis - currentTime)
    runCurrent()
}
