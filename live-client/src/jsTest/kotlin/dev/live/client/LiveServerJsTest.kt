package dev.live.client

import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ErrorCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestResult
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.yield
import kotlinx.serialization.Serializable
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The client on Node with Ktor's JS engine, against a live server on Netty and a real socket. */
class LiveServerJsTest {
    @Test
    fun `topics and requests work over JSON`(): TestResult = worksOver(JsonCodec)

    @Test
    fun `topics and requests work over MessagePack`(): TestResult = worksOver(MessagePackCodec)

    @Test
    fun `a subscription is restored after the server closes the connection`(): TestResult =
        onServer { live ->
            val states = statesOf(live)
            val room = live.topic<Line>("room/outlives")
            val received = linesOf(room)
            room.publish(Line("before"))
            val before = received.receive()

            live.send(Message("cut"))
            val waiting = states.await<ConnectionState.Waiting>()
            states.await<ConnectionState.Connected>()
            room.publish(Line("after"))
            val after = received.receive()

            assertEquals(listOf(Line("before"), Line("after")), listOf(before, after))
            assertEquals(CloseCode.GoingAway, assertIs<DisconnectCause.ClosedByServer>(waiting.cause).code)
        }

    @Test
    fun `the server receives the token, and each connection uses a fresh one`(): TestResult {
        var calls = 0
        return onServer(token = { "right ${++calls}" }) { live ->
            val states = statesOf(live)
            val first: String = live.request("token", Unit)
            live.send(Message("cut"))
            states.await<ConnectionState.Waiting>()
            val second: String = live.request("token", Unit)

            assertEquals(listOf("right 1", "right 2"), listOf(first, second))
        }
    }

    @Test
    fun `a rejected topic fails its flow with the code of the server`(): TestResult =
        onServer { live ->
            val error = assertFailsWith<LiveException> { live.topic<Line>("nowhere").messages.first() }

            assertEquals(ErrorCode.UnknownTopic, error.code)
        }

    @Test
    fun `a message over the limit ends the connection`(): TestResult =
        onServer({ maxMessageSize = 1_000 }) { live ->
            val states = statesOf(live)
            live.send(Message("large"))

            assertIs<DisconnectCause.ProtocolError>(states.await<ConnectionState.Waiting>().cause)
        }

    @Test
    fun `a client waits and retries if the server is unreachable`(): TestResult =
        realTime {
            val live = LiveClient("ws://127.0.0.1:1/live") { reconnect = ReconnectPolicy { 60.seconds } }

            val waiting = live.state.first { it is ConnectionState.Waiting }

            assertIs<DisconnectCause.Unreachable>(assertIs<ConnectionState.Waiting>(waiting).cause)
            live.close()
        }

    @Test
    fun `a JavaScript error of the engine fails the connection attempt`(): TestResult =
        realTime {
            val plain: Codec = JsonCodec
            val invalid = object : Codec by plain {
                override val subprotocol = "two words"
            }
            val live = LiveClient("ws://127.0.0.1:1/live") {
                codecs(invalid)
                reconnect = ReconnectPolicy { 60.seconds }
            }

            val waiting = live.state.first { it is ConnectionState.Waiting }

            val cause = assertIs<DisconnectCause.Unreachable>(assertIs<ConnectionState.Waiting>(waiting).cause)
            assertTrue("subprotocol" in cause.toString(), cause.toString())
            live.close()
        }

    @Test
    fun `close ends the session on the server immediately`(): TestResult =
        onServer { observer ->
            val url = ServerProgram.url()
            val live = LiveClient(url) { bearer { "right" } }
            val ownSession: String = live.request("session", Unit)
            val open: List<String> = observer.request("sessions", Unit)

            live.close()

            assertTrue(ownSession in open)
            // the server removes the session when its own end of the socket has closed
            while (ownSession in observer.request<Unit, List<String>>("sessions", Unit)) yield()
        }

    private fun worksOver(codec: Codec): TestResult =
        onServer({ codecs(codec) }) { live ->
            val room = live.topic<Line>("room/talk")
            val received = linesOf(room)

            room.publish(Line("héllo 😀"))
            val length: Int = live.request("length", Line("four"))

            assertEquals(Line("héllo 😀"), received.receive())
            assertEquals(4, length)
            assertEquals("Connected(${codec.subprotocol})", live.state.value.toString())
        }
}

@Serializable
internal data class Line(val text: String)

/** Runs [block] in real time, for at most five minutes. A virtual clock would run ahead of the socket. */
private fun realTime(block: suspend CoroutineScope.() -> Unit): TestResult =
    runTest(timeout = 5.minutes) {
        provideWebSocket()
        withContext(Dispatchers.Default) {
            coroutineScope {
                block()
                coroutineContext.cancelChildren()
            }
        }
    }

private fun onServer(
    configure: LiveClientConfig.() -> Unit = {},
    token: suspend () -> String = { "right" },
    block: suspend CoroutineScope.(LiveClient) -> Unit,
): TestResult =
    realTime {
        val url = ServerProgram.url()
        val live =
            LiveClient(url) {
                bearer(token)
                reconnect = ReconnectPolicy { 50.milliseconds }
                configure()
            }
        try {
            withTimeout(2.minutes) { coroutineScope { block(live).also { coroutineContext.cancelChildren() } } }
        } finally {
            live.close()
        }
    }

private fun CoroutineScope.linesOf(topic: ClientTopic<Line>): Channel<Line> {
    val received = Channel<Line>(capacity = 16)
    launch(start = CoroutineStart.UNDISPATCHED) { topic.messages.collect(received::send) }
    return received
}

/** All states from now on. The channel is large enough to lose none. */
private fun CoroutineScope.statesOf(live: LiveClient): Channel<ConnectionState> {
    val states = Channel<ConnectionState>(capacity = 64)
    launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) { live.state.collect(states::send) }
    return states
}

private suspend inline fun <reified S : ConnectionState> Channel<ConnectionState>.await(): S {
    for (state in this) if (state is S) return state
    error("unreachable: the channel is never closed")
}
