package dev.live.test

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.testing.FakeTransport
import dev.live.client.transport.UpgradeRejectedException
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

/** Typical uses of [FakeTransport] in tests of applications. The client's own tests cover the rest. */
@OptIn(ExperimentalCoroutinesApi::class)
class FakeTransportTest : FunSpec({

    test("a client reconnects and restores its topics in virtual time") {
        withFake { network, live ->
            val received = mutableListOf<Line>()
            backgroundScope.launch { live.topic<Line>("room/42").messages.collect { received += it } }
            runCurrent()

            network.wire.cut()
            runCurrent()
            live.state.value.shouldBeInstanceOf<ConnectionState.Waiting>()
            shouldThrow<IllegalStateException> { network.wire }.message shouldBe "no connection is open"
            advanceTimeBy(2.seconds)

            network.subscribedTopics shouldBe setOf("room/42")
            live.topic<Line>("room/42").publish(Line("back"))
            runCurrent()
            received shouldContainExactly listOf(Line("back"))
        }
    }

    test("the server can reject, hang or refuse connections") {
        withFake { network, live ->
            runCurrent()
            network.onMessage = { message -> reject(message, "forbidden", "not today").let { true } }
            val rejected = shouldThrow<LiveException> { live.topic<Line>("room/42").publish(Line("a")) }
            rejected.code shouldBe ErrorCode.Forbidden

            network.onMessage = { it.type == MessageType.PUBLISH }
            val hanging = shouldThrow<LiveException> { live.topic<Line>("room/42").publish(Line("b"), 3.seconds) }
            hanging.code shouldBe ErrorCode.Timeout

            network.connectFailures += UpgradeRejectedException(403, "no")
            network.wire.cut(CloseCode.Restart, "see you")
            advanceTimeBy(2.seconds)
            val closed = live.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
            closed.cause.shouldBeInstanceOf<DisconnectCause.UpgradeRejected>().status shouldBe 403
        }
    }

    test("at most 10,000 messages wait for a client that does not run") {
        withFake { network, _ ->
            runCurrent()
            repeat(1 + 10_000) { network.wire.push(Message(MessageType.PONG)) } // the client takes the first

            shouldThrow<AssertionError> { network.wire.push(Message(MessageType.PONG)) }.message shouldBe
                "10000 messages wait for the client. Run it with runCurrent()."
        }
    }

    test("the close code of the client is recorded") {
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
