package dev.live.test

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.transport.UpgradeRejectedException
import dev.live.protocol.CborCodec
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import dev.live.protocol.MessageType
import dev.live.server.topic.publish
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldStartWith
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.client.request.get
import io.ktor.client.statement.bodyAsText
import io.ktor.server.application.Application
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

@OptIn(ExperimentalCoroutinesApi::class)
class TestLiveTest : FunSpec({

    test("bob receives a message from ann") {
        testLive(Application::rooms) {
            val ann = connect("/live?name=ann")
            val bob = connect("/live?name=bob")
            ann.received<Line>("room/42")
            val received = bob.received<Line>("room/42")

            ann.topic<Line>("room/42").publish(Line("hello"))

            received.next() shouldBe Line("hello", from = "ann")
            live.topic("room/42").subscribers shouldBe 2
        }
    }

    for (codec in listOf(JsonCodec, CborCodec, MessagePackCodec)) {
        test("a client selects its codec: ${codec.subprotocol}") {
            testLive(Application::rooms) {
                connect("/live?name=ann") { codecs(codec) }

                live.sessions.single().codec shouldBe codec
            }
        }
    }

    test("a rejected client fails with the response of the server") {
        testLive(Application::rooms) {
            val failure = shouldThrow<AssertionError> { connect("/live") { bearer { "stale" } } }
            failure.message shouldBe "the client is closed: ${DisconnectCause.StaleToken}"

            val cause = client("/live").awaitClosed()
            cause.shouldBeInstanceOf<DisconnectCause.UpgradeRejected>().status shouldBe 401
            cause.reason shouldBe "Not authenticated."
            shouldThrow<UpgradeRejectedException> { connectRaw("/live") }.status shouldBe 401
        }
    }

    test("httpClient calls other routes") {
        testLive(Application::rooms) {
            httpClient.get("/health").bodyAsText() shouldBe "ok"
        }
    }

    test("a wait fails after the timeout and reports the current state") {
        runTest {
            val received = Received<Line>("'room/42'", timeout = 3.seconds)
            received.record(backgroundScope, flow { awaitCancellation() })

            shouldThrow<AssertionError> { received.next() }.message shouldBe
                "nothing was received from 'room/42' within 3s"
            shouldThrow<AssertionError> { awaitUntil("never true", 2.seconds) { false } }.message shouldBe
                "condition not met within 2s: never true"

            currentTime shouldBe 5_000
        }
        testLive(Application::rooms, timeout = 50.milliseconds) {
            shouldThrow<AssertionError> { client("/live?name=ann").awaitClosed() }.message shouldStartWith
                "the client is not closed after 50ms; its state is Connect"
        }
    }

    test("10,000 messages may wait to be taken, and one more fails the test") {
        runTest {
            val received = Received<Int>("'room/42'", timeout = 3.seconds)
            received.record(backgroundScope, flow { repeat(10_000) { emit(it) } })
            received.taken() shouldBe List(10_000) { it }

            val failure =
                shouldThrow<AssertionError> {
                    coroutineScope {
                        Received<Int>("'room/42'", timeout = 3.seconds)
                            .record(this, flow { repeat(10_001) { emit(it) } })
                    }
                }
            failure.message shouldStartWith "more than 10000 messages from 'room/42' were not taken."
        }
    }

    test("a rejected subscription fails next()") {
        testLive(Application::rooms) {
            val received = connect("/live?name=ann").received<Line>("nowhere")

            shouldThrow<LiveException> { received.next() }.code shouldBe ErrorCode.UnknownTopic
        }
    }

    test("received() returns after the client is subscribed, also after an unsubscribe") {
        testLive(Application::rooms) {
            val ann = connect("/live?name=ann")
            repeat(10) { n ->
                val received = ann.received<Line>("room/42")
                live.topic("room/42").publish(Line("$n"))
                received.next() shouldBe Line("$n")
                received.cancel()
            }
        }
    }

    test("a raw connection receives every message and the close code") {
        testLive(Application::rooms) {
            val raw = connectRaw("/live?name=ann", MessagePackCodec)

            raw.subprotocol shouldBe MessagePackCodec.subprotocol
            raw.request(Message(MessageType.PING, ref = "1")) shouldBe Message(MessageType.PONG, ref = "1")
            raw.request(Message(MessageType.SUBSCRIBE, "room/42", "2")) shouldBe
                Message(MessageType.ACK, "room/42", "2")
            live.sessions.single().kick("enough") // the session exists, because it has replied
            raw.awaitClosed() shouldBe CloseCode.Kicked
        }
    }

    test("dropping a raw connection ends its session") {
        testLive(Application::rooms) {
            val raw = connectRaw("/live?name=ann")
            raw.request(Message(MessageType.PING))

            raw.drop()

            awaitUntil("the session has ended") { live.sessions.isEmpty() }
        }
    }

    test("clients are closed at the end of a test, also if it fails") {
        lateinit var application: Application
        lateinit var ann: LiveClient
        shouldThrow<IllegalStateException> {
            testLive(Application::rooms) {
                application = this.application
                ann = connect("/live?name=ann")
                error("the test failed")
            }
        }.message shouldBe "the test failed"

        ann.state.value.shouldBeInstanceOf<ConnectionState.Closed>().cause shouldBe DisconnectCause.ClosedByClient
        // the server handles the close on its own threads
        awaitUntil("all sessions have ended", 10.seconds) { application.openSessions().isEmpty() }
    }
})
