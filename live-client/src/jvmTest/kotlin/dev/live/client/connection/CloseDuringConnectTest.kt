package dev.live.client.connection

import dev.live.client.ClientFixture
import dev.live.client.LiveClientConfig
import dev.live.client.clientTest
import dev.live.client.closed
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.client.topic.ClientClosedException
import dev.live.protocol.CloseCode
import dev.live.protocol.MessageType
import dev.live.test.FakeNetworkMonitor
import dev.live.test.FakeTransport
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

/** `close` at each step of connecting. */
class CloseDuringConnectTest : FunSpec({

    closedWhile("its first step has not been taken", isStarted = false)
    closedWhile("the token is awaited", configure = { bearer { awaitCancellation() } })
    closedWhile("the server's name or its answer is awaited", setUp = { isUnreachable = true }) {
        client.state.value shouldBe ConnectionState.Connecting(0)
    }
    closedWhile("the upgrade is on its way through a stalled network", setUp = { stall() }) {
        client.state.value shouldBe ConnectionState.Connecting(0)
    }
    closedWhile("an answer to subscribe is awaited", setUp = { onMessage = { it.type == MessageType.SUBSCRIBE } }) {
        client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1
    }
    closedWhile("what is said is on its way", setUp = { toServer.latency = 1.seconds }) { pass(1.seconds) }
    closedWhile("the network swallows all") { transport.wire.isHalfOpen = true }
    closedWhile("the next attempt is waited for", setUp = { outage = IOException("no route") }) {
        client.state.value.shouldBeInstanceOf<ConnectionState.Waiting>()
    }
    closedWhile(
        "there is no network",
        configure = { networkMonitor = FakeNetworkMonitor().apply { network = Network.None } },
        setUp = { outage = IOException("no route") },
    ) {
        client.state.value shouldBe ConnectionState.Paused(PauseReason.NoNetwork)
    }

    test("a client that is closed while it asks for a token says nothing to anybody") {
        clientTest({ bearer { awaitCancellation() } }) {
            settle()
            client.close()

            transport.requests.size shouldBe 0
        }
    }

    test("a client that is closed while it subscribes says goodbye") {
        clientTest(transport = FakeTransport().apply { onMessage = { it.type == MessageType.SUBSCRIBE } }) {
            val messages = collect(room().messages)
            client.close()

            transport.connections.single().closedWith shouldBe CloseCode.Normal
            messages.awaitComplete()
        }
    }
})

private fun FunSpec.closedWhile(
    what: String,
    configure: LiveClientConfig.() -> Unit = {},
    setUp: FakeTransport.() -> Unit = {},
    isStarted: Boolean = true,
    reach: ClientFixture.() -> Unit = {},
) {
    test("closed while $what, a client ends at once, its flows and calls too, and nothing of it is left") {
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
