@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.test

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.Network
import dev.live.client.connection.PauseReason
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

    test("an application that a test puts in the background is disconnected after its grace, and comes back at once") {
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

    test("a device that a test takes its network from waits for one") {
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

    test("each test begins in the foreground and with a network, whatever the one before has left") {
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

    test("a client that is left open fails its test") {
        val device = LiveLifecycleRule()

        val failure = shouldThrow<AssertionError> { device.run { leaveClientOn(device) } }

        failure.message shouldBe "chat(ChatTest) left clients open: 1. Close each LiveClient it makes."
    }

    test("what fails a test is what is told, and not what it has left") {
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

/** Lives as long as the test. */
private fun TestScope.clientOn(device: LiveLifecycleRule, network: FakeTransport = FakeTransport()): LiveClient =
    LiveClient("ws://test/live") {
        transport = network
        context = backgroundScope.coroutineContext
        timeSource = testTimeSource
        networkMonitor = device.network
        lifecycle = device.app
        backgroundGrace = 10.seconds
    }.also { runCurrent() }

/** Nobody closes it; it stands still when its scheduler does. */
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
