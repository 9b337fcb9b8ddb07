package dev.live.client

import app.cash.turbine.test
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.testing.FakeTransport
import dev.live.protocol.CloseCode
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.sequences.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.seconds

class LiveClientTest : FunSpec({

    test("a client connects automatically") {
        clientTest {
            settle()

            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>().subprotocol shouldBe "live.v1.json"
        }
    }

    test("a published message reaches a collector") {
        clientTest {
            val room = client.topic<Chat>("room/42")

            room.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                room.publish(Chat("ann", "hello"))

                awaitItem() shouldBe Chat("ann", "hello")
            }
            settle()

            transport.wire.received.map { it.type } shouldContainExactly listOf("subscribe", "publish", "unsubscribe")
        }
    }

    test("close sends a close frame, closes the state and releases all resources") {
        val parent = Job()
        clientTest({ context += parent }) {
            settle()
            val wire = transport.wire

            client.close()

            wire.closedWith shouldBe CloseCode.Normal
            client.state.value.shouldBeInstanceOf<ConnectionState.Closed>().cause shouldBe
                DisconnectCause.ClosedByClient
            transport.isClosed shouldBe true
            parent.children.shouldBeEmpty()
        }
    }

    test("a second close has no effect") {
        clientTest {
            settle()
            client.close()
            client.close()
        }
    }

    test("close works before connecting, while connecting and while waiting") {
        clientTest {
            client.close()

            client.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
            transport.connections.size shouldBe 0
        }
        clientTest(transport = FakeTransport().apply { isUnreachable = true }) {
            settle()
            client.close()

            client.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
        }
        clientTest({ reconnect = ReconnectPolicy { 1000.seconds } }) {
            settle()
            transport.wire.cut()
            settle()
            client.close()

            client.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
            now shouldBe 0.seconds
        }
    }

    test("cancelling the parent job closes the client and its transport") {
        runTest {
            val parent = Job()
            val transport = FakeTransport()
            val client =
                LiveClient("ws://test") {
                    this.transport = transport
                    context = StandardTestDispatcher(testScheduler) + parent
                }
            testScheduler.runCurrent()

            parent.cancelAndJoin()

            client.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
            transport.isClosed shouldBe true
        }
    }
})
