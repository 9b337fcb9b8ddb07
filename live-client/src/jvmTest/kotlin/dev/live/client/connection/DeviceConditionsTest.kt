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

/** What a client does when its device's network and its application come and go. */
class DeviceConditionsTest : FunSpec({

    context("the network") {
        test("that returns is used at once, whatever is left of the backoff") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(slowly(network)) {
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

        test("that is not there is not tried, and the state says so until it returns") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(slowly(network)) {
                client.state.test(timeout = HANG_TIMEOUT) {
                    awaitItem() shouldBe ConnectionState.Connecting(0)
                    awaitItem().shouldBeInstanceOf<ConnectionState.Connected>()
                    settle()

                    transport.wire.isStalled = true
                    network.value = Network.None
                    awaitItem().shouldBeInstanceOf<ConnectionState.Waiting>() // the probe found nobody
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

        test("that is another one has the connection looked at, and one that still stands is kept") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(slowly(network)) {
                settle()
                network.value = Network.Available("mobile")
                settle()

                transport.wire.sent(MessageType.PING) shouldHaveSize 1
                pass(3.seconds)
                transport.connections shouldHaveSize 1
            }
        }

        test("that is another one, over which the old connection does not go, costs two seconds and no heartbeat") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(slowly(network)) {
                settle()
                transport.wire.isStalled = true

                network.value = Network.Available("mobile")
                pass(2.seconds)

                waiting().cause.shouldBeInstanceOf<DisconnectCause.HeartbeatTimeout>().after shouldBe 2.seconds
            }
        }

        test("that changes while the client connects ends that attempt, and a second after it the next one begins") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(slowly(network)) {
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

        test("that goes while the client connects ends that attempt, and pauses it") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(slowly(network)) {
                transport.isUnreachable = true
                settle()

                network.value = Network.None
                settle()

                client.state.value shouldBe ConnectionState.Paused(PauseReason.NoNetwork)
            }
        }

        test("that comes and goes is no storm: there is an attempt a second at most") {
            val network = MutableStateFlow<Network>(Network.Available("0"))
            clientTest(slowly(network)) {
                repeat(100) { transport.refusals += IOException("no route to host") }

                repeat(100) {
                    network.value = if (it % 2 == 0) Network.None else Network.Available("$it")
                    pass(100.milliseconds)
                }

                (transport.requests.size in 9..11) shouldBe true
            }
        }

        test("does not make a wait shorter that the server asked for") {
            val network = MutableStateFlow<Network>(Network.Available("wifi"))
            clientTest(slowly(network)) {
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

        for ((what, monitor) in listOf(
            "says nothing" to NetworkMonitor { flow { } },
            "fails" to NetworkMonitor { flow { error("no permission") } },
            "fails when it is asked" to NetworkMonitor { error("no permission") },
            "ends in the middle" to NetworkMonitor { flowOf(Network.None) },
        )) {
            test("whose monitor $what leaves the client to find out for itself") {
                clientTest({ networkMonitor = monitor }) {
                    settle()
                    client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                }
            }
        }
    }

    context("an application in the background") {
        test("stays connected for the grace, then says goodbye; back again it connects at once and goes on") {
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
                serverSays("room", hello)
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }

        test("that is back within the grace has its connection looked at, and nothing else happens") {
            val foreground = MutableStateFlow(true)
            clientTest({ lifecycle = AppLifecycle { foreground } }) {
                settle()
                foreground.value = false
                pass(5.seconds)
                foreground.value = true
                pass(60.seconds)

                transport.connections shouldHaveSize 1
                transport.wire.sent(MessageType.PING).size shouldBe 3 // and two of the heartbeat
            }
        }

        test("ends an attempt that is under way") {
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

        test("has the attempts counted anew where the connection was good for something") {
            val foreground = MutableStateFlow(true)
            clientTest({
                lifecycle = AppLifecycle { foreground }
                backgroundGrace = 0.seconds
            }) {
                repeat(5) { transport.refusals += IOException("no route to host") }
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

        test("can be closed like any other") {
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
        test("finds a connection that is dead and does not know it within 2 s, and connects again") {
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

        test("is remembered while an attempt fails, and makes the wait behind it short") {
            clientTest({ reconnect = ReconnectPolicy { 1.minutes } }) {
                transport.isUnreachable = true
                pass(5.seconds)
                client.probe()
                pass(5.seconds) // the attempt has run out

                transport.isUnreachable = false
                settle()

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            }
        }

        test("tries at once where the client waits") {
            clientTest(slowly(null)) {
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

    context("an answer that does not come in time") {
        test(
            "has the server asked for a word, which it may owe to a handler: the connection is left to the heartbeat",
        ) {
            clientTest({ requestTimeout = 5.seconds }) {
                settle()
                val busy = transport.wire
                transport.toClient.isStalled = true
                val asked = start { shouldThrow<LiveException> { client.request<Unit, Unit>("count", Unit) } }
                pass(20.seconds)

                asked.await().code shouldBe ErrorCode.Timeout
                busy.sent(MessageType.PING) shouldHaveSize 1
                busy.isOpen shouldBe true
                pass(40.seconds)
                busy.isOpen shouldBe false
            }
        }

        test("is one question, however many there are") {
            clientTest({ requestTimeout = 5.seconds }) {
                settle()
                transport.toClient.isStalled = true
                repeat(9) { start { shouldThrow<LiveException> { client.request<Unit, Unit>("count", Unit) } } }
                pass(5.seconds)

                transport.wire.sent(MessageType.PING) shouldHaveSize 1
            }
        }

        test("of a subscribe is waited for while nothing at all comes, and asked for again on the next connection") {
            clientTest({ requestTimeout = 5.seconds }) {
                settle()
                val dead = transport.wire.apply { isStalled = true }
                val messages = collect(room().messages)
                pass(61.seconds)

                dead.isOpen shouldBe false
                settle()
                serverSays("room", hello)
                messages.awaitItem() shouldBe hello
                messages.cancel()
            }
        }
    }
})

private fun slowly(network: MutableStateFlow<Network>?): LiveClientConfig.() -> Unit =
    {
        reconnect = ReconnectPolicy { 10.minutes }
        network?.let { networks -> networkMonitor = NetworkMonitor { networks } }
    }

private fun goodbye(millis: Long) =
    Message(MessageType.GOODBYE, body = Body.of(GoodbyeData(CloseCode.Restart.wire, "deploy", listOf(millis, millis))))
