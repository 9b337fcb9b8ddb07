package dev.live.client.connection

import dev.live.client.ClientFixture
import dev.live.client.LiveClientConfig
import dev.live.client.clientTest
import dev.live.client.closed
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.client.testing.FakeNetworkMonitor
import dev.live.client.testing.FakeTransport
import dev.live.client.topic.ClientClosedException
import dev.live.protocol.CloseCode
import dev.live.protocol.MessageType
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.sequences.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.Job
import kotlinx.coroutines.awaitCancellation
import java.io.IOException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** `close` during each step of connecting. */
class CloseDuringConnectTest : FunSpec({

    closedWhile("it has not started", isStarted = false)
    closedWhile("it waits for the token", configure = { bearer { awaitCancellation() } })
    closedWhile("it waits for DNS or for the upgrade response", setUp = { isUnreachable = true }) {
        client.state.value shouldBe ConnectionState.Connecting(0)
    }
    closedWhile("the upgrade is in flight on a stalled network", setUp = { stall() }) {
        client.state.value shouldBe ConnectionState.Connecting(0)
    }
    closedWhile("it waits for the ack of a subscribe", setUp = { onMessage = { it.type == MessageType.SUBSCRIBE } }) {
        client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1
    }
    closedWhile("messages are in flight", setUp = { toServer.latency = 1.seconds }) { pass(1.seconds) }
    closedWhile("the network drops all messages") { transport.wire.isHalfOpen = true }
    closedWhile("it waits for the next attempt", setUp = { outage = IOException("no route") }) {
        client.state.value.shouldBeInstanceOf<ConnectionState.Waiting>()
    }
    closedWhile(
        "there is no network",
        configure = { networkMonitor = FakeNetworkMonitor().apply { network = Network.None } },
        setUp = { outage = IOException("no route") },
    ) {
        client.state.value shouldBe ConnectionState.Paused(PauseReason.NoNetwork)
    }

    test("a client that is closed while it waits for a token sends nothing") {
        clientTest({ bearer { awaitCancellation() } }) {
            settle()
            client.close()

            transport.requests.size shouldBe 0
        }
    }

    test("a client that is closed while it subscribes sends a close frame") {
        clientTest(transport = FakeTransport().apply { onMessage = { it.type == MessageType.SUBSCRIBE } }) {
            val messages = collect(room().messages)
            client.close()

            transport.connections.single().closedWith shouldBe CloseCode.Normal
            messages.awaitComplete()
        }
    }
})

private fun FunSpec.closedWhile(
    step: String,
    configure: LiveClientConfig.() -> Unit = {},
    setUp: FakeTransport.() -> Unit = {},
    isStarted: Boolean = true,
    reach: ClientFixture.() -> Unit = {},
) {
    test("a client closed while $step ends immediately with its flows and calls") {
        val parent = Job()
        val fake = FakeTransport().apply(setUp)
        clientTest({
            context += parent
            configure()
        }, fake) {
            val collecting = start { room().messages.collect { } }
            val publishing = start { shouldThrow<ClientClosedException> { room().publish(hello) } }
            if (isStarted) settle()
            reach()
            val before = now

            client.close()
            settle()

            (now - before) shouldBe Duration.ZERO
            closed().cause shouldBe DisconnectCause.ClosedByClient
            (collecting.isCompleted && publishing.isCompleted) shouldBe true
            fake.isClosed shouldBe true
            parent.children.shouldBeEmpty()
            val attempts = fake.requests.size
            pass(10.minutes)
            fake.requests.size shouldBe attempts
        }
        parent.cancel()
    }
}
