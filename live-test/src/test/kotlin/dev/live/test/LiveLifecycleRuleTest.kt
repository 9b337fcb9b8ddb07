@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.test

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.Network
import dev.live.client.connection.PauseReason
import dev.live.client.testing.FakeTransport
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.TestCoroutineScheduler
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import org.junit.runner.Description
import org.junit.runners.model.Statement
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class LiveLifecycleRuleTest : FunSpec({

    test("a background application disconnects after its grace period and reconnects in the foreground") {
        val device = LiveLifecycleRule()
        device.run {
            runTest {
                val live = clientOn(device)

                device.background()
                advanceTimeBy(9.seconds)
                live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                advanceTimeBy(2.seconds)
                live.state.value shouldBe ConnectionState.Paused(PauseReason.Background)

                device.foreground()
                runCurrent()
                live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            }
        }
    }

    test("a device without a network waits for a network") {
        val device = LiveLifecycleRule()
        device.run {
            runTest {
                val network = FakeTransport()
                val live = clientOn(device, network)

                device.offline()
                network.wire.cut()
                runCurrent()
                live.state.value shouldBe ConnectionState.Paused(PauseReason.NoNetwork)

                device.online("mobile")
                advanceTimeBy(1.seconds + 1.milliseconds)
                live.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            }
        }
    }

    test("each test starts in the foreground with a network, regardless of the previous test") {
        val device = LiveLifecycleRule()
        device.run {
            device.background()
            device.offline()
        }

        device.run {
            device.app.isForeground shouldBe true
            device.network.network shouldBe Network.Available("wifi")
        }
    }

    test("an open client at the end of a test fails the test") {
        val device = LiveLifecycleRule()

        val failure = shouldThrow<AssertionError> { device.run { leaveClientOn(device) } }

        failure.message shouldBe "chat(ChatTest) left clients open: 1. Close each LiveClient that the test creates."
    }

    test("a failure of the test takes precedence over an open client") {
        val device = LiveLifecycleRule()

        val failure =
            shouldThrow<IllegalStateException> {
                device.run {
                    leaveClientOn(device)
                    error("the test's own")
                }
            }

        failure.message shouldBe "the test's own"
    }
})

private fun LiveLifecycleRule.run(test: () -> Unit) {
    val base =
        object : Statement() {
            override fun evaluate() = test()
        }
    apply(base, Description.createTestDescription("ChatTest", "chat")).evaluate()
}

/** A client that ends with the test. */
private fun TestScope.clientOn(device: LiveLifecycleRule, network: FakeTransport = FakeTransport()): LiveClient =
    LiveClient("ws://test/live") {
        transport = network
        context = backgroundScope.coroutineContext
        timeSource = testTimeSource
        networkMonitor = device.network
        lifecycle = device.app
        backgroundGrace = 10.seconds
    }.also { runCurrent() }

/** Creates a client that is never closed. It stops running when its scheduler does. */
private fun leaveClientOn(device: LiveLifecycleRule) {
    val scheduler = TestCoroutineScheduler()
    LiveClient("ws://test/live") {
        transport = FakeTransport()
        context = StandardTestDispatcher(scheduler)
        networkMonitor = device.network
        lifecycle = device.app
    }
    scheduler.runCurrent()
}
