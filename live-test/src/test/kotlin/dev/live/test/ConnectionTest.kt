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

/** Connecting, closing and reconnecting, on every engine. */
class ConnectionTest : FunSpec({

    for (server in ServerKind.entries) {
        context("on $server") {
            test("closing a client ends its session and its subscriptions") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann")
                    ann.received<Line>("room/42")

                    ann.close()

                    ann.awaitClosed() shouldBe DisconnectCause.ClosedByClient
                    awaitUntil("the session has ended") { live.sessions.isEmpty() }
                    awaitUntil("the topic has no subscriber") { live.topic("room/42").subscribers == 0 }
                }
            }

            test("a kicked client stays closed and its flows fail") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann")
                    val received = ann.received<Line>("room/42")

                    live.sessions.single().kick("enough")

                    val cause = ann.awaitClosed().shouldBeInstanceOf<DisconnectCause.ClosedByServer>()
                    cause.code shouldBe CloseCode.Kicked
                    cause.reason shouldBe "enough"
                    shouldThrow<ClientClosedException> { received.next() }
                }
            }

            test("an expired token is replaced by a fresh one, and subscriptions are restored") {
                testLiveOn(server) {
                    val given = CopyOnWriteArrayList<String>()
                    val ann =
                        connect("/live") {
                            bearer { "token of ann${given.size}".also { given += it } }
                            reconnect = immediately
                        }
                    val received = ann.received<Line>("room/42")

                    live.sessionsOf("ann0").single().close(CloseCode.NotAuthenticated, "the token ran out")
                    awaitUntil("ann has reconnected") { "room/42" in live.sessionsOf("ann1").flatMap { it.topics } }

                    live.topic("room/42").publish(Line("welcome back"))
                    received.next() shouldBe Line("welcome back")
                    given shouldContainExactly listOf("token of ann0", "token of ann1")
                }
            }

            test("an expired token without a replacement closes the client") {
                testLiveOn(server) {
                    val ann =
                        connect("/live") {
                            bearer { "token of ann" }
                            reconnect = immediately
                        }

                    live.sessions.single().close(CloseCode.NotAuthenticated, "the token ran out")

                    ann.awaitClosed() shouldBe DisconnectCause.StaleToken
                }
            }

            test("a client reconnects after GoingAway") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann") { reconnect = immediately }
                    val received = ann.received<Line>("room/42")
                    val first = live.sessions.single()

                    first.close(CloseCode.GoingAway)
                    awaitUntil("ann has reconnected") { live.sessions.any { it != first && "room/42" in it.topics } }

                    ann.topic<Line>("room/42").publish(Line("back"))
                    received.next() shouldBe Line("back", from = "ann")
                }
            }
        }
    }

    for ((name, engine) in listOf("Netty" to Netty, "CIO" to CIO)) {
        context("on a real socket of $name") {
            test("a client reconnects to a restarted server and restores every topic") {
                withRealServer(engine) { server ->
                    val ann = connect("/live?name=ann") { reconnect = ReconnectPolicy { 10.milliseconds } }
                    val received = listOf("room/1", "room/2").map { ann.received<Line>(it) }

                    server.stop()
                    ann.awaitDisconnected()
                    server.start()
                    awaitUntil("ann has reconnected") { live.sessions.singleOrNull()?.topics?.size == 2 }

                    listOf("room/1", "room/2").forEach { live.topic(it).publish(Line("in $it")) }
                    received.map { it.next().text } shouldContainExactly listOf("in room/1", "in room/2")
                }
            }

            test("the reconnect window of the goodbye overrides the reconnect policy") {
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

private val immediately = ReconnectPolicy { Duration.ZERO }
