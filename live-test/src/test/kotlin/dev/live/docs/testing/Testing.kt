@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.docs.testing

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.Network
import dev.live.client.transport.UpgradeRefusedException
import dev.live.protocol.CloseCode
import dev.live.readme.Chat
import dev.live.test.FakeAppLifecycle
import dev.live.test.FakeNetworkMonitor
import dev.live.test.FakeTransport
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import java.io.IOException
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

// What docs/testing.md shows.

internal class TunnelTest {
    @Test
    fun `what was typed in a tunnel is sent behind it`() = runTest {
        val network = FakeTransport()
        val live = LiveClient("ws://test/live") {
            transport = network
            context = backgroundScope.coroutineContext // ends with the test
            timeSource = testTimeSource
        }
        val room = live.topic<Chat>("room/lobby")
        runCurrent()

        network.outage = IOException("no route to host")
        network.wire.cut()
        val sending = async { room.publish(Chat("hello"), timeout = 1.minutes) }
        advanceTimeBy(5.seconds)
        assertIs<ConnectionState.Waiting>(live.state.value)

        network.outage = null
        sending.await()
        assertEquals(1, network.wire.sent("publish").size)
    }
}

internal fun badNetwork() {
    val network = FakeTransport(seed = 42) // the same seed, the same jitter

    network.toServer.latency = 300.milliseconds // each way for itself
    network.toClient.jitter = 200.milliseconds // random on top, in order as on TCP
    network.reordersTopics = true // topics overtake each other, none itself

    network.stall() // nothing passes, for a tunnel or a garbage collection of the proxy's
    network.resume() // all that waited arrives

    network.wire.cut() // the connection breaks
    network.wire.cut(CloseCode.Restart, "deploy") // the server closes it
    network.wire.isHalfOpen = true // swallows what is sent, and tells nobody

    network.outage = IOException("connection refused") // no attempt succeeds
    network.refusals += UpgradeRefusedException(503, "full") // the next one is refused
    network.isUnreachable = true // connecting does not end
}

@Suppress("UNUSED_VARIABLE")
internal fun device(network: FakeTransport) {
    val device = FakeNetworkMonitor()
    val app = FakeAppLifecycle()
    val live = LiveClient("ws://test/live") {
        networkMonitor = device
        lifecycle = app
        transport = network
    }

    device.network = Network.None
    app.isForeground = false
}
