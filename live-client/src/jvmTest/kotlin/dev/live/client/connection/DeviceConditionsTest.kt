package dev.live.client.connection

import app.cash.turbine.test
import dev.live.client.HANG_TIMEOUT
import dev.live.client.LiveClientConfig
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.client.waiting
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.GoodbyeData
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOf
import java.io.IOException
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The client's reactions to network changes, background and foreground, and probes. */
class DeviceConditionsTest : FunSpec({

    context("a network") {
        test("that returns is used immediately, regardless of the backoff") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(longBackoff(network)) {
                pass(2.seconds)
                transport.wire.cut()
                pass(1.minutes)
                waiting()

                network.value = Network.Available("mobile")
                settle()

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                now shouldBe 62.seconds
            }
        }

        test("that is missing pauses the client until it returns") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(longBackoff(network)) {
                client.state.test(timeout = HANG_TIMEOUT) {
                    awaitItem() shouldBe ConnectionState.Connecting(0)
                    awaitItem().shouldBeInstanceOf<ConnectionState.Connected>()
                    settle()

                    transport.wire.isStalled = true
                    network.value = Network.None
                    awaitItem().shouldBeInstanceOf<ConnectionState.Waiting>() // the probe got no reply
                    now shouldBe 2.seconds
                    awaitItem() shouldBe ConnectionState.Paused(PauseReason.NoNetwork)
                    pass(60.minutes)
                    transport.requests shouldHaveSize 1

                    network.value = Network.Available("wifi")
                    awaitItem() shouldBe ConnectionState.Connecting(1)
                    awaitItem().shouldBeInstanceOf<ConnectionState.Connected>()
                }
            }
        }

        test("that changes triggers a probe, and a working connection is kept") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(longBackoff(network)) {
                settle()
                network.value = Network.Available("mobile")
                settle()

                transport.wire.sent(MessageType.PING) shouldHaveSize 1
                pass(3.seconds)
                transport.connections shouldHaveSize 1
            }
        }

        test("that changes and breaks the connection is detected after two seconds instead of a heartbeat") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(longBackoff(network)) {
                settle()
                transport.wire.isStalled = true

                network.value = Network.Available("mobile")
                pass(2.seconds)

                waiting().cause.shouldBeInstanceOf<DisconnectCause.HeartbeatTimeout>().after shouldBe 2.seconds
            }
        }

        test("that changes while connecting ends that attempt, and the next one begins a second after it") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(longBackoff(network)) {
                transport.isUnreachable = true
                pass(300.milliseconds)

                network.value = Network.Available("mobile")
                settle()
                transport.isUnreachable = false
                client.state.value shouldBe ConnectionState.Connecting(0)
                pass(700.milliseconds)

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                now shouldBe 1.seconds
            }
        }

        test("that is lost while connecting ends that attempt and pauses the client") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(longBackoff(network)) {
                transport.isUnreachable = true
                settle()

                network.value = Network.None
                settle()

                client.state.value shouldBe ConnectionState.Paused(PauseReason.NoNetwork)
            }
        }

        test("that flaps causes at most one attempt per second") {
            val network = MutableStateFlow<Network>(Network.Available("0"))
            clientTest(longBackoff(network)) {
                repeat(100) { transport.connectFailures += IOException("no route to host") }

                repeat(100) {
                    network.value = if (it % 2 == 0) Network.None else Network.Available("$it")
                    pass(100.milliseconds)
                }

                (transport.requests.size in 9..11) shouldBe true
            }
        }

        test("that changes does not shorten a delay requested by the server") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(longBackoff(network)) {
                settle()
                transport.wire.push(goodbye(30_000))
                transport.wire.cut(CloseCode.Restart)
                pass(2.seconds)

                network.value = Network.None
                pass(1.seconds)
                client.state.value shouldBe ConnectionState.Paused(PauseReason.NoNetwork)
                network.value = Network.Available("wifi")
                settle()

                waiting().until.elapsedNow() shouldBe (-27).seconds
                pass(27.seconds)
                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            }
        }

        for ((behavior, monitor) in listOf(
            "emits nothing" to NetworkMonitor { flow { } },
            "fails" to NetworkMonitor { flow { error("no permission") } },
            "throws when it is called" to NetworkMonitor { error("no permission") },
            "completes" to NetworkMonitor { flowOf(Network.None) },
        )) {
            test("with a monitor that $behavior is ignored") {
                clientTest({ networkMonitor = monitor }) {
                    settle()
                    client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                }
            }
        }
    }

    context("an application in the background") {
        test("disconnects after the grace period and reconnects immediately in the foreground") {
            val foreground = MutableStateFlow(true)
            clientTest({
                lifecycle = AppLifecycle { foreground }
                backgroundGrace = 10.seconds
            }) {
                val messages = collect(room().messages)
                foreground.value = false
                pass(9.seconds)
                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                val first = transport.wire
                pass(1.seconds)

                client.state.value shouldBe ConnectionState.Paused(PauseReason.Background)
                first.closedWith shouldBe CloseCode.Normal
                pass(60.minutes)
                transport.requests shouldHaveSize 1

                foreground.value = true
                settle()
                serverPublishes("room", hello)
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }

        test("that returns within the grace period only probes its connection") {
            val foreground = MutableStateFlow(true)
            clientTest({ lifecycle = AppLifecycle { foreground } }) {
                settle()
                foreground.value = false
                pass(5.seconds)
                foreground.value = true
                pass(60.seconds)

                transport.connections shouldHaveSize 1
                transport.wire.sent(MessageType.PING).size shouldBe 3 // one probe and two heartbeats
            }
        }

        test("ends the current connect attempt") {
            val foreground = MutableStateFlow(true)
            clientTest({
                lifecycle = AppLifecycle { foreground }
                backgroundGrace = 0.seconds
            }) {
                transport.isUnreachable = true
                settle()
                client.state.value shouldBe ConnectionState.Connecting(0)

                foreground.value = false
                settle()
                client.state.value shouldBe ConnectionState.Paused(PauseReason.Background)
                transport.isUnreachable = false
                foreground.value = true
                pass(1.seconds)

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            }
        }

        test("resets the attempt counter after a stable connection") {
            val foreground = MutableStateFlow(true)
            clientTest({
                lifecycle = AppLifecycle { foreground }
                backgroundGrace = 0.seconds
            }) {
                repeat(5) { transport.connectFailures += IOException("no route to host") }
                pass(1.minutes)
                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()

                foreground.value = false
                settle()
                transport.isUnreachable = true
                foreground.value = true
                pass(1.seconds)

                client.state.value shouldBe ConnectionState.Connecting(0)
            }
        }

        test("can be closed") {
            clientTest({
                lifecycle = AppLifecycle { MutableStateFlow(false) }
                backgroundGrace = 0.seconds
            }) {
                settle()

                client.close()

                client.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
            }
        }
    }

    context("probe") {
        test("detects a dead connection within 2 s and reconnects") {
            clientTest {
                settle()
                transport.wire.isStalled = true

                client.probe()
                pass(2.seconds)
                waiting().cause.shouldBeInstanceOf<DisconnectCause.HeartbeatTimeout>()

                pass(1.seconds)
                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            }
        }

        test("during a failing attempt shortens the following delay") {
            clientTest({ reconnect = ReconnectPolicy { 1.minutes } }) {
                transport.isUnreachable = true
                pass(5.seconds)
                client.probe()
                pass(5.seconds) // the attempt has timed out

                transport.isUnreachable = false
                settle()

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            }
        }

        test("ends a reconnect delay") {
            clientTest(longBackoff(null)) {
                pass(5.seconds)
                transport.wire.cut()
                settle()
                waiting()

                client.probe()
                settle()

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                now shouldBe 5.seconds
            }
        }
    }

    context("a missing reply") {
        test(
            "triggers one ping; a slow handler is possible, so only the heartbeat closes the connection",
        ) {
            clientTest({ requestTimeout = 5.seconds }) {
                settle()
                val busy = transport.wire
                transport.toClient.isStalled = true
                val request = start { shouldThrow<LiveException> { client.request<Unit, Unit>("count", Unit) } }
                pass(20.seconds)

                request.await().code shouldBe ErrorCode.Timeout
                busy.sent(MessageType.PING) shouldHaveSize 1
                busy.isOpen shouldBe true
                pass(40.seconds)
                busy.isOpen shouldBe false
            }
        }

        test("triggers one ping for any number of requests") {
            clientTest({ requestTimeout = 5.seconds }) {
                settle()
                transport.toClient.isStalled = true
                repeat(9) { start { shouldThrow<LiveException> { client.request<Unit, Unit>("count", Unit) } } }
                pass(5.seconds)

                transport.wire.sent(MessageType.PING) shouldHaveSize 1
            }
        }

        test("to a subscribe on a dead connection is awaited, and the subscribe is repeated on the next connection") {
            clientTest({ requestTimeout = 5.seconds }) {
                settle()
                val dead = transport.wire.apply { isStalled = true }
                val messages = collect(room().messages)
                pass(61.seconds)

                dead.isOpen shouldBe false
                settle()
                serverPublishes("room", hello)
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }
    }
})

private fun longBackoff(network: MutableStateFlow<Network>?): LiveClientConfig.() -> Unit =
    {
        reconnect = ReconnectPolicy { 10.minutes }
        network?.let { networks -> networkMonitor = NetworkMonitor { networks } }
    }

private fun goodbye(millis: Long) =
    Message(MessageType.GOODBYE, body = Body.of(GoodbyeData(CloseCode.Restart.wire, "deploy", listOf(millis, millis))))
