package dev.live.test

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.transport.UpgradeRefusedException
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

    test("what ann says reaches bob") {
        testLive(Application::rooms) {
            val ann = connect("/live?name=ann")
            val bob = connect("/live?name=bob")
            ann.received<Line>("room/42")
            val heard = bob.received<Line>("room/42")

            ann.topic<Line>("room/42").publish(Line("hello"))

            heard.next() shouldBe Line("hello", from = "ann")
            live.topic("room/42").subscribers shouldBe 2
        }
    }

    for (codec in listOf(JsonCodec, CborCodec, MessagePackCodec)) {
        test("a client says which codec it speaks: ${codec.subprotocol}") {
            testLive(Application::rooms) {
                connect("/live?name=ann") { codecs(codec) }

                live.sessions.single().codec shouldBe codec
            }
        }
    }

    test("a client that is refused says so, with the server's answer") {
        testLive(Application::rooms) {
            val failure = shouldThrow<AssertionError> { connect("/live") { bearer { "stale" } } }
            failure.message shouldBe "the client is closed: ${DisconnectCause.StaleToken}"

            val cause = client("/live").awaitClosed()
            cause.shouldBeInstanceOf<DisconnectCause.UpgradeRefused>().status shouldBe 401
            cause.reason shouldBe "Not authenticated."
            shouldThrow<UpgradeRefusedException> { connectRaw("/live") }.status shouldBe 401
        }
    }

    test("ordinary routes have an ordinary client") {
        testLive(Application::rooms) {
            httpClient.get("/health").bodyAsText() shouldBe "ok"
        }
    }

    test("waiting for what does not come fails the test after the timeout, and says what is there") {
        runTest {
            val heard = Received<Line>("'room/42'", timeout = 3.seconds)
            heard.record(backgroundScope, flow { awaitCancellation() })

            shouldThrow<AssertionError> { heard.next() }.message shouldBe
                "nothing was received from 'room/42' within 3s"
            shouldThrow<AssertionError> { awaitUntil("nobody is here", 2.seconds) { false } }.message shouldBe
                "not within 2s: nobody is here"

            currentTime shouldBe 5_000
        }
        testLive(Application::rooms, timeout = 50.milliseconds) {
            shouldThrow<AssertionError> { client("/live?name=ann").awaitClosed() }.message shouldStartWith
                "after 50ms the client is not closed, but Connect"
        }
    }

    test("10,000 messages may wait to be taken, and one more fails the test, which need not look at any") {
        runTest {
            val heard = Received<Int>("'room/42'", timeout = 3.seconds)
            heard.record(backgroundScope, flow { repeat(10_000) { emit(it) } })
            heard.taken() shouldBe List(10_000) { it }

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

    test("a subscription that the server refuses fails what is received") {
        testLive(Application::rooms) {
            val heard = connect("/live?name=ann").received<Line>("nowhere")

            shouldThrow<LiveException> { heard.next() }.code shouldBe ErrorCode.UnknownTopic
        }
    }

    test("whoever records again after leaving is joined when that returns") {
        testLive(Application::rooms) {
            val ann = connect("/live?name=ann")
            repeat(10) { n ->
                val heard = ann.received<Line>("room/42")
                live.topic("room/42").publish(Line("$n"))
                heard.next() shouldBe Line("$n")
                heard.cancel()
            }
        }
    }

    test("a raw connection sees every message, and the close code") {
        testLive(Application::rooms) {
            val raw = connectRaw("/live?name=ann", MessagePackCodec)

            raw.subprotocol shouldBe MessagePackCodec.subprotocol
            raw.ask(Message(MessageType.PING, ref = "1")) shouldBe Message(MessageType.PONG, ref = "1")
            raw.ask(Message(MessageType.SUBSCRIBE, "room/42", "2")) shouldBe Message(MessageType.ACK, "room/42", "2")
            live.sessions.single().kick("enough") // there is one, for it has answered
            raw.awaitClosed() shouldBe CloseCode.Kicked
        }
    }

    test("a raw connection that is dropped leaves no session") {
        testLive(Application::rooms) {
            val raw = connectRaw("/live?name=ann")
            raw.ask(Message(MessageType.PING))

            raw.drop()

            awaitUntil("the session is gone") { live.sessions.isEmpty() }
        }
    }

    test("clients are closed when the test ends, also when it fails") {
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
        // the server's half of the goodbye runs on threads of its own
        awaitUntil("no session is left", 10.seconds) { application.openSessions().isEmpty() }
    }
})
