package dev.live.test

import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.topic.ClientClosedException
import dev.live.protocol.CloseCode
import dev.live.server.topic.publish
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ranges.shouldBeIn
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.server.cio.CIO
import io.ktor.server.netty.Netty
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** How connections begin, end and come back, on every engine. */
class ConnectionTest : FunSpec({

    for (place in Place.entries) {
        context("on $place") {
            test("closing leaves no session and no subscription") {
                testLiveOn(place) {
                    val ann = connect("/live?name=ann")
                    ann.received<Line>("room/42")

                    ann.close()

                    ann.awaitClosed() shouldBe DisconnectCause.ClosedByClient
                    awaitUntil("the session is gone") { live.sessions.isEmpty() }
                    awaitUntil("nobody is subscribed") { live.topic("room/42").subscribers == 0 }
                }
            }

            test("whoever is kicked stays out, and flows fail") {
                testLiveOn(place) {
                    val ann = connect("/live?name=ann")
                    val heard = ann.received<Line>("room/42")

                    live.sessions.single().kick("enough")

                    val cause = ann.awaitClosed().shouldBeInstanceOf<DisconnectCause.ClosedByServer>()
                    cause.code shouldBe CloseCode.Kicked
                    cause.reason shouldBe "enough"
                    shouldThrow<ClientClosedException> { heard.next() }
                }
            }

            test("a token that ran out is replaced by a fresh one, and subscriptions come back") {
                testLiveOn(place) {
                    val given = CopyOnWriteArrayList<String>()
                    val ann =
                        connect("/live") {
                            bearer { "token of ann${given.size}".also { given += it } }
                            reconnect = atOnce
                        }
                    val heard = ann.received<Line>("room/42")

                    live.sessionsOf("ann0").single().close(CloseCode.NotAuthenticated, "the token ran out")
                    awaitUntil("ann is back") { "room/42" in live.sessionsOf("ann1").flatMap { it.topics } }

                    live.topic("room/42").publish(Line("welcome back"))
                    heard.next() shouldBe Line("welcome back")
                    given shouldContainExactly listOf("token of ann0", "token of ann1")
                }
            }

            test("a token that ran out and is the only one ends the client") {
                testLiveOn(place) {
                    val ann =
                        connect("/live") {
                            bearer { "token of ann" }
                            reconnect = atOnce
                        }

                    live.sessions.single().close(CloseCode.NotAuthenticated, "the token ran out")

                    ann.awaitClosed() shouldBe DisconnectCause.StaleToken
                }
            }

            test("a session that ends without a word for the client is opened again") {
                testLiveOn(place) {
                    val ann = connect("/live?name=ann") { reconnect = atOnce }
                    val heard = ann.received<Line>("room/42")
                    val first = live.sessions.single()

                    first.close(CloseCode.GoingAway)
                    awaitUntil("ann is back") { live.sessions.any { it != first && "room/42" in it.topics } }

                    ann.topic<Line>("room/42").publish(Line("back"))
                    heard.next() shouldBe Line("back", from = "ann")
                }
            }
        }
    }

    for ((name, engine) in listOf("Netty" to Netty, "CIO" to CIO)) {
        context("on a real socket of $name") {
            test("a server that is stopped and started is found again, with every topic") {
                withRealServer(engine) { server ->
                    val ann = connect("/live?name=ann") { reconnect = ReconnectPolicy { 10.milliseconds } }
                    val heard = listOf("room/1", "room/2").map { ann.received<Line>(it) }

                    server.stop()
                    ann.awaitDisconnected()
                    server.start()
                    awaitUntil("ann is back") { live.sessions.singleOrNull()?.topics?.size == 2 }

                    listOf("room/1", "room/2").forEach { live.topic(it).publish(Line("in $it")) }
                    heard.map { it.next().text } shouldContainExactly listOf("in room/1", "in room/2")
                }
            }

            test("a client comes back within the window of the goodbye, whatever its policy says") {
                val window = 200.milliseconds..300.milliseconds
                withRealServer(engine, { rooms { drain { reconnectWindow = window } } }) { server ->
                    val ann = connect("/live?name=ann") { reconnect = ReconnectPolicy { Duration.ZERO } }

                    server.stop()

                    val waiting = ann.awaitDisconnected()
                    waiting.cause.shouldBeInstanceOf<DisconnectCause.ClosedByServer>().code shouldBe CloseCode.Restart
                    waiting.delay shouldBeIn window
                }
            }
        }
    }
})

private val atOnce = ReconnectPolicy { Duration.ZERO }
