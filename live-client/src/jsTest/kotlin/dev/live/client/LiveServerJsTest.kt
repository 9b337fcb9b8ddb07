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

/** The client on Node, with Ktor's own engine, against the project's server on Netty and a real socket. */
class LiveServerJsTest {
    @Test
    fun `topics and requests work over JSON`(): TestResult = talks(JsonCodec)

    @Test
    fun `topics and requests work over MessagePack`(): TestResult = talks(MessagePackCodec)

    @Test
    fun `a subscription outlives a connection that the server closes`(): TestResult =
        onServer { live ->
            val states = statesOf(live)
            val room = live.topic<Line>("room/outlives")
            val heard = linesOf(room)
            room.publish(Line("before"))
            val before = heard.receive()

            live.send(Message("cut"))
            val waiting = states.await<ConnectionState.Waiting>()
            states.await<ConnectionState.Connected>()
            room.publish(Line("after"))
            val after = heard.receive()

            assertEquals(listOf(Line("before"), Line("after")), listOf(before, after))
            assertEquals(CloseCode.GoingAway, assertIs<DisconnectCause.ClosedByServer>(waiting.cause).code)
        }

    @Test
    fun `the token reaches the server, and each connection has a fresh one`(): TestResult {
        var asked = 0
        return onServer(token = { "right ${++asked}" }) { live ->
            val states = statesOf(live)
            val first: String = live.request("token", Unit)
            live.send(Message("cut"))
            states.await<ConnectionState.Waiting>()
            val second: String = live.request("token", Unit)

            assertEquals(listOf("right 1", "right 2"), listOf(first, second))
        }
    }

    @Test
    fun `a refused topic fails its flow with the server's code`(): TestResult =
        onServer { live ->
            val refusal = assertFailsWith<LiveException> { live.topic<Line>("nowhere").messages.first() }

            assertEquals(ErrorCode.UnknownTopic, refusal.code)
        }

    @Test
    fun `a message over the limit ends the connection`(): TestResult =
        onServer({ maxMessageSize = 1_000 }) { live ->
            val states = statesOf(live)
            live.send(Message("large"))

            assertIs<DisconnectCause.ProtocolError>(states.await<ConnectionState.Waiting>().cause)
        }

    @Test
    fun `a server that is not there is waited for`(): TestResult =
        realTime {
            val live = LiveClient("ws://127.0.0.1:1/live") { reconnect = ReconnectPolicy { 60.seconds } }

            val waiting = live.state.first { it is ConnectionState.Waiting }

            assertIs<DisconnectCause.Unreachable>(assertIs<ConnectionState.Waiting>(waiting).cause)
            live.close()
        }

    @Test
    fun `what the engine throws is a failure of the connection, though it is no exception of Kotlin`(): TestResult =
        realTime {
            val plain: Codec = JsonCodec
            val unspeakable = object : Codec by plain {
                override val subprotocol = "two words"
            }
            val live = LiveClient("ws://127.0.0.1:1/live") {
                codecs(unspeakable)
                reconnect = ReconnectPolicy { 60.seconds }
            }

            val waiting = live.state.first { it is ConnectionState.Waiting }

            val cause = assertIs<DisconnectCause.Unreachable>(assertIs<ConnectionState.Waiting>(waiting).cause)
            assertTrue("subprotocol" in cause.toString(), cause.toString())
            live.close()
        }

    @Test
    fun `close ends the session on the server at once`(): TestResult =
        onServer { witness ->
            val url = ServerProgram.url()
            val live = LiveClient(url) { bearer { "right" } }
            val mine: String = live.request("session", Unit)
            val open: List<String> = witness.request("sessions", Unit)

            live.close()

            assertTrue(mine in open)
            // the server counts it out when its own end of the socket has closed
            while (mine in witness.request<Unit, List<String>>("sessions", Unit)) yield()
        }

    private fun talks(codec: Codec): TestResult =
        onServer({ codecs(codec) }) { live ->
            val room = live.topic<Line>("room/talk")
            val heard = linesOf(room)

            room.publish(Line("héllo 😀"))
            val length: Int = live.request("length", Line("four"))

            assertEquals(Line("héllo 😀"), heard.receive())
            assertEquals(4, length)
            assertEquals("Connected(${codec.subprotocol})", live.state.value.toString())
        }
}

@Serializable
internal data class Line(val text: String)

/** Real time, for five minutes at most: a virtual clock would run ahead of the socket. */
private fun realTime(block: suspend CoroutineScope.() -> Unit): TestResult =
    runTest(timeout = 5.minutes) {
        bringWebSocket()
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
    val heard = Channel<Line>(capacity = 16)
    launch(start = CoroutineStart.UNDISPATCHED) { topic.messages.collect(heard::send) }
    return heard
}

/** Every state from now on, none left out. */
private fun CoroutineScope.statesOf(live: LiveClient): Channel<ConnectionState> {
    val states = Channel<ConnectionState>(capacity = 64)
    launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) { live.state.collect(states::send) }
    return states
}

private suspend inline fun <reified S : ConnectionState> Channel<ConnectionState>.await(): S {
    for (state in this) if (state is S) return state
    error("unreachable: the channel is never closed")
}
