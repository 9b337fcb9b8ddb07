package dev.live.client.connection

import dev.live.client.clientTest
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.Duration.Companion.seconds

class HeartbeatTest : FunSpec({

    test("the client replies to a ping with a pong with the same ref") {
        clientTest {
            settle()
            transport.wire.push(Message(MessageType.PING, ref = "p7"))
            settle()

            transport.wire.received shouldContainExactly listOf(Message(MessageType.PONG, ref = "p7"))
        }
    }

    test("only the newest of many waiting pings gets a pong, so that pings do not fill a queue") {
        clientTest {
            settle()
            repeat(1000) { transport.wire.push(Message(MessageType.PING, ref = "p$it")) }
            settle()

            transport.wire.received shouldContainExactly listOf(Message(MessageType.PONG, ref = "p999"))
        }
    }

    test("the client sends a ping after the interval without messages, and the pong keeps the connection open") {
        clientTest {
            pass(24.seconds)
            transport.wire.sent(MessageType.PING).shouldBeEmpty()
            pass(1.seconds)
            transport.wire.sent(MessageType.PING) shouldHaveSize 1

            pass(120.seconds)

            transport.connections shouldHaveSize 1
            transport.wire.sent(MessageType.PING) shouldHaveSize 5
        }
    }

    test("any received message delays the next ping") {
        clientTest {
            settle()
            repeat(10) {
                pass(20.seconds)
                transport.wire.push(Message("news"))
            }

            transport.wire.sent(MessageType.PING).shouldBeEmpty()
        }
    }

    test("a connection without messages for the timeout is closed and reopened") {
        clientTest {
            settle()
            val dead = transport.wire.apply { isStalled = true }
            pass(59.seconds)
            dead.isOpen shouldBe true

            pass(1.seconds)

            client.state.value.shouldBeInstanceOf<ConnectionState.Waiting>().cause
                .shouldBeInstanceOf<DisconnectCause.HeartbeatTimeout>().after shouldBe 60.seconds
            dead.isOpen shouldBe false
            pass(1.seconds)
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("interval and timeout are configurable") {
        clientTest({
            heartbeat {
                interval = 2.seconds
                timeout = 3.seconds
            }
        }) {
            settle()
            transport.wire.isStalled = true
            pass(3.seconds)

            client.state.value.shouldBeInstanceOf<ConnectionState.Waiting>()
        }
    }
})
