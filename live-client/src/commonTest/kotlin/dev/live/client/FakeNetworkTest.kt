@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.client

import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.testing.FakeTransport
import dev.live.client.topic.ClientClosedException
import dev.live.client.topic.ConnectionLostException
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ErrorCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import dev.live.protocol.MessageType
import dev.live.protocol.of
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.supervisorScope
import kotlinx.coroutines.test.TestResult
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import kotlin.coroutines.ContinuationInterceptor
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The core behavior of a client on every platform, on an in-memory network in virtual time. */
class FakeNetworkTest {
    @Test
    fun `a published message reaches a collector over JSON`(): TestResult = publishReachesCollector(JsonCodec)

    @Test
    fun `a published message reaches a collector over MessagePack`(): TestResult =
        publishReachesCollector(MessagePackCodec)

    @Test
    fun `a lost connection is reopened after the delay and its subscriptions are restored`(): TestResult =
        onFakeNetwork { test ->
            val received = test.collect("room")
            test.network.wire.cut()
            test.scope.runCurrent()
            val waiting = assertIs<ConnectionState.Waiting>(test.live.state.value)

            test.scope.advanceTimeBy(1.seconds + 1.milliseconds)
            test.scope.runCurrent()
            test.serverPublishes("room", "again")

            assertEquals(1.seconds, waiting.delay)
            assertIs<DisconnectCause.ConnectionLost>(waiting.cause)
            assertIs<ConnectionState.Connected>(test.live.state.value)
            assertEquals(2, test.network.connections.size)
            assertEquals(1, test.network.mostOpenAtOnce)
            assertEquals(listOf("again"), received)
        }

    @Test
    fun `two collectors share a subscription, which ends with the last collector`(): TestResult =
        onFakeNetwork { test ->
            val first = test.launchCollector("room") {}
            val second = test.launchCollector("room") {}
            assertEquals(1, test.network.wire.sent(MessageType.SUBSCRIBE).size)

            first.cancel()
            test.scope.advanceTimeBy(60.seconds)
            assertEquals(setOf("room"), test.network.subscribedTopics)
            second.cancel()
            test.scope.advanceTimeBy(60.seconds)

            assertEquals(emptySet(), test.network.subscribedTopics)
        }

    @Test
    fun `a rejected subscription fails only its own flow, with the code of the server`(): TestResult =
        onFakeNetwork { test ->
            val received = test.collect("room")
            test.network.onMessage = { message ->
                val isSecret = message.topic == "secret"
                if (isSecret) reject(message, "forbidden", "not for you")
                isSecret
            }

            val error =
                assertFailsWith<LiveException> { test.live.topic<String>("secret").messages.collect {} }
            test.serverPublishes("room", "still here")

            assertEquals(ErrorCode.Forbidden, error.code)
            assertEquals(listOf("still here"), received)
        }

    @Test
    fun `a publish without an ack fails with ConnectionLostException when the connection is lost`(): TestResult =
        onFakeNetwork { test ->
            test.network.onMessage = { it.type == MessageType.PUBLISH } // no ack
            supervisorScope {
                val publishing = async { test.live.topic<String>("room").publish("lost?") }
                test.scope.runCurrent()
                test.network.wire.cut()
                test.scope.runCurrent()

                assertFailsWith<ConnectionLostException> { publishing.await() }
            }
        }

    @Test
    fun `a dead connection is detected by the heartbeat timeout`(): TestResult =
        onFakeNetwork { test ->
            test.network.wire.isStalled = true

            val waiting = test.live.state.first { it is ConnectionState.Waiting }

            assertIs<DisconnectCause.HeartbeatTimeout>(assertIs<ConnectionState.Waiting>(waiting).cause)
        }

    @Test
    fun `close sends a close frame, fails later calls and releases all resources`(): TestResult =
        onFakeNetwork { test ->
            val collecting = test.launchCollector("room") {}
            val wire = test.network.wire

            test.live.close()
            test.scope.runCurrent()

            assertIs<ConnectionState.Closed>(test.live.state.value)
            assertEquals(CloseCode.Normal, wire.closedWith)
            assertTrue(test.network.isClosed && collecting.isCompleted)
            assertFailsWith<ClientClosedException> { test.live.topic<String>("room").publish("late") }
        }

    private fun publishReachesCollector(codec: Codec): TestResult =
        onFakeNetwork(codec) { test ->
            val received = test.collect("room")

            test.live.topic<String>("room").publish("é 😀")
            test.scope.runCurrent()

            assertEquals(listOf("é 😀"), received)
        }
}

private class FakeNetwork(val scope: TestScope, val live: LiveClient, val network: FakeTransport) {
    fun launchCollector(topic: String, onMessage: (String) -> Unit): Job =
        scope.backgroundScope.launch { live.topic<String>(topic).messages.collect { onMessage(it) } }
            .also { scope.runCurrent() }

    /** The messages of [topic] from now on. */
    fun collect(topic: String): List<String> = mutableListOf<String>().also { launchCollector(topic, it::add) }

    fun serverPublishes(topic: String, text: String) {
        network.wire.push(Message(MessageType.MESSAGE, topic, body = Body.of(text)))
        scope.runCurrent()
    }
}

private fun onFakeNetwork(codec: Codec = JsonCodec, block: suspend (FakeNetwork) -> Unit): TestResult =
    runTest {
        val network = FakeTransport(codec)
        val live =
            LiveClient("ws://test/live") {
                transport = network
                codecs(codec)
                context = coroutineContext[ContinuationInterceptor]!!
                timeSource = testTimeSource
                linger = Duration.ZERO
                reconnect = ReconnectPolicy { 1.seconds }
            }
        runCurrent()
        try {
            block(FakeNetwork(this, live, network))
        } finally {
            live.close()
        }
    }
