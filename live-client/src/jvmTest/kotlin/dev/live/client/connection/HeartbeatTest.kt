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

    test("a ping is answered with a pong of the same ref") {
        clientTest {
            settle()
            transport.wire.push(Message(MessageType.PING, ref = "p7"))
            settle()

            transport.wire.received shouldContainExactly listOf(Message(MessageType.PONG, ref = "p7"))
        }
    }

    test("of many pings that wait for an answer only the newest gets one, so they fill nothing") {
        clientTest {
            settle()
            repeat(1000) { transport.wire.push(Message(MessageType.PING, ref = "p$it")) }
            settle()

            transport.wire.received shouldContainExactly listOf(Message(MessageType.PONG, ref = "p999"))
        }
    }

    test("a ping goes out after the interval of silence, and its answer keeps the connection") {
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

    test("whatever is heard puts the ping off") {
        clientTest {
            settle()
            repeat(10) {
                pass(20.seconds)
                transport.wire.push(Message("news"))
            }

            transport.wire.sent(MessageType.PING).shouldBeEmpty()
        }
    }

    test("a connection that is silent for the timeout is given up and opened anew") {
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

    test("the times are settings") {
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
