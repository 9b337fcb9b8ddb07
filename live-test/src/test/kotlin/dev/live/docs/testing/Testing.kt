@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.docs.testing

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.Network
import dev.live.client.testing.FakeAppLifecycle
import dev.live.client.testing.FakeNetworkMonitor
import dev.live.client.testing.FakeTransport
import dev.live.client.transport.UpgradeRejectedException
import dev.live.protocol.CloseCode
import dev.live.readme.Chat
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

// The code of docs/testing.md.

internal class OutageTest {
    @Test
    fun `a message sent during an outage is delivered after it`() = runTest {
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
    val network = FakeTransport(seed = 42) // the same seed gives the same jitter

    network.toServer.latency = 300.milliseconds // set per direction
    network.toClient.jitter = 200.milliseconds // random, in addition; order is kept as on TCP
    network.reordersTopics = true // reorders messages of different topics, never of one topic

    network.stall() // delivers nothing, as in a tunnel or during a long pause of a proxy
    network.resume() // delivers everything that is pending

    network.wire.cut() // the connection breaks
    network.wire.cut(CloseCode.Restart, "deploy") // the server closes it
    network.wire.isHalfOpen = true // silently discards all sent messages

    network.outage = IOException("connection refused") // every attempt fails
    network.connectFailures += UpgradeRejectedException(503, "full") // the next attempt is rejected
    network.isUnreachable = true // an attempt never completes
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
