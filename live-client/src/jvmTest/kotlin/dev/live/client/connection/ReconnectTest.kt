package dev.live.client.connection

import app.cash.turbine.test
import dev.live.client.HANG_TIMEOUT
import dev.live.client.clientTest
import dev.live.client.closed
import dev.live.client.waiting
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.GoodbyeData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.ReconnectRule
import dev.live.protocol.of
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ranges.shouldBeIn
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.types.shouldBeInstanceOf
import java.io.IOException
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Reconnecting after a connection has ended. */
class ReconnectTest : FunSpec({

    test("a lost connection is reopened after the policy's delay, and the state shows each step") {
        clientTest {
            client.state.test(timeout = HANG_TIMEOUT) {
                awaitItem().toString() shouldBe "Connecting(attempt=0)"
                awaitItem().toString() shouldBe "Connected(live.v1.json)"

                transport.wire.cut()

                awaitItem().toString() shouldBe "Waiting(attempt=1, delay=1s, cause=the connection was lost)"
                awaitItem().toString() shouldBe "Connecting(attempt=1)"
                awaitItem().shouldBeInstanceOf<ConnectionState.Connected>().since.elapsedNow() shouldBe 0.seconds
                now shouldBe 1.seconds
            }
        }
    }

    test("a Waiting state has the time of its end") {
        clientTest {
            settle()
            transport.wire.cut()
            pass(400.milliseconds)

            waiting().until.elapsedNow() shouldBe (-600).milliseconds
        }
    }

    test("attempts are counted until a connection has been open for 5 s and has received a message") {
        val attempts = mutableListOf<Int>()
        clientTest({ reconnect = counting(attempts) }) {
            settle()
            transport.wire.cut() // immediately: not stable
            pass(1.seconds)
            pass(6.seconds)
            transport.wire.cut() // open long enough, but nothing received
            pass(1.seconds)
            transport.wire.push(Message("news"))
            pass(4.seconds)
            transport.wire.cut() // a message received, but not open long enough
            pass(1.seconds)
            transport.wire.push(Message("news"))
            pass(5.seconds)
            transport.wire.cut() // stable
            settle()

            attempts shouldContainExactly listOf(0, 1, 2, 0)
            waiting().attempt shouldBe 1
        }
    }

    test("an unreachable server is retried, and the cause is the network error") {
        clientTest {
            transport.connectFailures += IOException("connection refused")
            settle()

            waiting().cause.shouldBeInstanceOf<DisconnectCause.Unreachable>().error.message shouldBe
                "connection refused"
            pass(1.seconds)
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    for (code in listOf(CloseCode.Normal, CloseCode.ProtocolViolated, CloseCode.Kicked)) {
        test("close code $code closes the client") {
            clientTest {
                settle()
                transport.wire.cut(code, "enough")
                settle()

                val cause = closed().cause.shouldBeInstanceOf<DisconnectCause.ClosedByServer>()
                cause.code shouldBe code
                cause.reason shouldBe "enough"
                transport.isClosed shouldBe true
                pass(60.seconds)
                transport.connections.size shouldBe 1
            }
        }
    }

    val retried = CloseCode.All.filter { it.reconnect is ReconnectRule.Backoff && it != CloseCode.TryAgainLater }
    for (code in retried) {
        test("close code $code is followed by the policy's delay") {
            clientTest {
                settle()
                transport.wire.cut(code)
                settle()

                waiting().delay shouldBe 1.seconds
            }
        }
    }

    for (code in listOf(CloseCode.WebSocketViolated, CloseCode.InvalidText, CloseCode.PolicyViolated)) {
        test("after close code $code the client reconnects at most five times in a row") {
            clientTest {
                settle()
                repeat(5) {
                    transport.wire.cut(code, "not again")
                    pass(1.seconds)
                }
                transport.connections.size shouldBe 6

                transport.wire.cut(code, "not again")
                settle()

                closed().cause.toString() shouldBe "the server closed with $code (not again)"
            }
        }
    }

    test("a stable connection resets the count of violations, and an unreachable server does not") {
        clientTest {
            settle()
            repeat(4) {
                transport.wire.cut(CloseCode.InvalidText)
                pass(1.seconds)
            }
            transport.wire.push(Message("news"))
            pass(5.seconds)
            repeat(5) {
                transport.wire.cut(CloseCode.InvalidText)
                transport.connectFailures += IOException("connection refused")
                pass(2.seconds)
            }
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()

            transport.wire.cut(CloseCode.InvalidText)
            settle()

            closed()
        }
    }

    for (reported in listOf(CloseCode.WebSocketViolated, CloseCode.of(1005), CloseCode.Abnormal)) {
        for (code in listOf(CloseCode.Restart, CloseCode.TryAgainLater)) {
            test("the code of a goodbye with $code is used if the engine reports $reported") {
                clientTest {
                    settle()
                    transport.wire.push(goodbye(code, 7_000, 7_000))
                    transport.wire.cut(reported)
                    settle()

                    waiting().cause.toString() shouldBe "the server closed with $code (deploy)"
                    waiting().delay shouldBeIn 7.seconds..10.seconds
                }
            }
        }
    }

    test(
        "after a goodbye with 1013 and a window of 1 s, clients reconnect after at least 5 s and not in step",
    ) {
        val delays =
            List(20) {
                var delay = 0.seconds
                clientTest {
                    settle()
                    transport.wire.push(goodbye(CloseCode.TryAgainLater, 0, 1_000))
                    transport.wire.cut(CloseCode.TryAgainLater)
                    settle()
                    delay = waiting().delay
                }
                delay
            }

        delays.forEach { it shouldBeIn 5.seconds..10.seconds }
        withClue(delays) { (delays.toSet().size > 1) shouldBe true }
    }

    test("after TryAgainLater clients reconnect after at least 5 s and not in step") {
        val delays =
            (1..20).map {
                var delay = 0.seconds
                clientTest {
                    settle()
                    transport.wire.cut(CloseCode.TryAgainLater)
                    settle()
                    delay = waiting().delay
                }
                delay
            }

        delays.forEach { it shouldBeIn 5.seconds..10.seconds }
        withClue(delays) { (delays.toSet().size > 1) shouldBe true }
    }

    test("the client reconnects to a restarting server within the window of its goodbye") {
        clientTest {
            settle()
            transport.wire.push(goodbye(CloseCode.Restart, 2_000, 3_000))
            transport.wire.cut(CloseCode.Restart, "deploy")
            settle()

            waiting().delay shouldBeIn 2.seconds..3.seconds
        }
    }

    test("window and code of a goodbye are used if the connection is lost without a close frame") {
        clientTest {
            settle()
            transport.wire.push(goodbye(CloseCode.Restart, 7_000, 7_000))
            transport.wire.cut()
            settle()

            waiting().delay shouldBe 7.seconds
            waiting().cause.shouldBeInstanceOf<DisconnectCause.ClosedByServer>().code shouldBe CloseCode.Restart
        }
    }

    test("a goodbye without a usable window falls back to the policy") {
        clientTest {
            settle()
            transport.wire.push(goodbye(CloseCode.Restart, 3_000, 2_000))
            transport.wire.cut(CloseCode.Restart)
            settle()

            waiting().delay shouldBe 1.seconds
        }
    }

    test("a goodbye applies to its own connection only") {
        clientTest {
            settle()
            transport.wire.push(goodbye(CloseCode.Restart, 7_000, 7_000))
            transport.wire.cut()
            pass(7.seconds)
            transport.wire.cut()
            settle()

            waiting().delay shouldBe 1.seconds
        }
    }

    test("the policy can give up, and the last state has the cause") {
        clientTest({ reconnect = ReconnectPolicy { attempt -> 1.seconds.takeIf { attempt < 2 } } }) {
            repeat(3) { transport.connectFailures += IOException("refused $it") }
            pass(2.seconds)

            closed().cause.toString() shouldBe "the server is unreachable: refused 2"
        }
    }

    test("a policy that throws closes the client") {
        clientTest({ reconnect = ReconnectPolicy { error("broken policy") } }) {
            settle()
            transport.wire.cut()
            settle()

            closed().cause.toString() shouldContain "broken policy"
        }
    }

    test("a message that cannot be decoded ends the connection, not the client") {
        clientTest {
            settle()
            val first = transport.wire
            first.pushBytes("not a message".encodeToByteArray())
            settle()

            waiting().cause.shouldBeInstanceOf<DisconnectCause.ProtocolError>()
            first.closedWith shouldBe CloseCode.ProtocolViolated
        }
    }
})

private fun counting(attempts: MutableList<Int>) =
    ReconnectPolicy { attempt ->
        attempts += attempt
        1.seconds
    }

private fun goodbye(code: CloseCode, min: Long, max: Long) =
    Message(MessageType.GOODBYE, body = Body.of(GoodbyeData(code.wire, "deploy", listOf(min, max))))
