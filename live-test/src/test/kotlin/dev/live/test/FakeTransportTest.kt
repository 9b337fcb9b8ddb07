package dev.live.test

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.transport.UpgradeRefusedException
import dev.live.protocol.CborCodec
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import kotlin.time.Duration.Companion.seconds

/** What an application's own tests do with the fake; the client's tests do the rest. */
@OptIn(ExperimentalCoroutinesApi::class)
class FakeTransportTest : FunSpec({

    test("a connection that breaks comes back with its topics, in virtual time") {
        withFake { network, live ->
            val heard = mutableListOf<Line>()
            backgroundScope.launch { live.topic<Line>("room/42").messages.collect { heard += it } }
            runCurrent()

            network.wire.cut()
            runCurrent()
            live.state.value.shouldBeInstanceOf<ConnectionState.Waiting>()
            shouldThrow<IllegalStateException> { network.wire }.message shouldBe "no connection is open"
            advanceTimeBy(2.seconds)

            network.joined shouldBe setOf("room/42")
            live.topic<Line>("room/42").publish(Line("back"))
            runCurrent()
            heard shouldContainExactly listOf(Line("back"))
        }
    }

    test("the server can be told to refuse, to hang and to be gone") {
        withFake { network, live ->
            runCurrent()
            network.onMessage = { message -> refuse(message, "forbidden", "not today").let { true } }
            val refused = shouldThrow<LiveException> { live.topic<Line>("room/42").publish(Line("a")) }
            refused.code shouldBe ErrorCode.Forbidden

            network.onMessage = { it.type == MessageType.PUBLISH }
            val hanging = shouldThrow<LiveException> { live.topic<Line>("room/42").publish(Line("b"), 3.seconds) }
            hanging.code shouldBe ErrorCode.Timeout

            network.refusals += UpgradeRefusedException(403, "no")
            network.wire.cut(CloseCode.Restart, "see you")
            advanceTimeBy(2.seconds)
            val closed = live.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
            closed.cause.shouldBeInstanceOf<DisconnectCause.UpgradeRefused>().status shouldBe 403
        }
    }

    test("a client that is never let run has 10,000 messages to read at most") {
        withFake { network, _ ->
            runCurrent()
            repeat(1 + 10_000) { network.wire.push(Message(MessageType.PONG)) } // the client waits for the first

            shouldThrow<AssertionError> { network.wire.push(Message(MessageType.PONG)) }.message shouldBe
                "the client has 10000 messages to read. Let it run, with runCurrent()."
        }
    }

    test("what the client says goodbye with is remembered") {
        lateinit var network: FakeTransport
        withFake { it, _ ->
            runCurrent()
            network = it
        }

        network.connections.single().closedWith shouldBe CloseCode.Normal
        network.isClosed shouldBe true
    }
})

@OptIn(ExperimentalCoroutinesApi::class)
private fun withFake(block: suspend TestScope.(FakeTransport, LiveClient) -> Unit) {
    runTest {
        val network = FakeTransport(CborCodec)
        val live =
            LiveClient("ws://test/live") {
                codecs(CborCodec)
                transport = network
                context = StandardTestDispatcher(testScheduler)
                timeSource = testTimeSource
                reconnect = ReconnectPolicy { 1.seconds }
            }
        try {
            block(network, live)
        } finally {
            live.close()
        }
    }
}
