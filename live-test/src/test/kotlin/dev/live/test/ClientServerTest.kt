package dev.live.test

import app.cash.turbine.test
import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.ErrorCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.topic.publish
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** Topics, requests, errors and direct messages between client and server, on every engine. */
class ClientServerTest : FunSpec({

    for (server in ServerKind.entries) {
        context("on $server") {
            for (codec in listOf(JsonCodec, CborCodec, MessagePackCodec)) {
                test("topics and requests work over ${codec.subprotocol}") {
                    testLiveOn(server) {
                        val ann = connect("/live?name=ann") { codecs(codec) }
                        val received = ann.received<Line>("room/42")

                        ann.topic<Line>("room/42").publish(Line("grüße"))

                        received.next() shouldBe Line("grüße", from = "ann")
                        ann.request<Line, Int>("length", Line("four")) shouldBe 4
                        live.sessions.single().codec shouldBe codec
                    }
                }
            }

            test("clients with different codecs receive each other's messages") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann") { codecs(CborCodec) }
                    val bob = connect("/live?name=bob") { codecs(MessagePackCodec, JsonCodec) }
                    val receivedByAnn = ann.received<Line>("room/42")
                    val receivedByBob = bob.received<Line>("room/42")

                    ann.topic<Line>("room/42").publish(Line("from ann"))
                    bob.topic<Line>("room/42").publish(Line("from bob"))

                    val all = listOf(Line("from ann", "ann"), Line("from bob", "bob"))
                    receivedByAnn.next(2) shouldContainExactly all
                    receivedByBob.next(2) shouldContainExactly all
                }
            }

            test("two collectors share one subscription, which ends with the last collector") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann")
                    val first = ann.received<Line>("room/42")
                    val second = ann.received<Line>("room/42")
                    live.topic("room/42").subscribers shouldBe 1

                    live.topic("room/42").publish(Line("both"))
                    first.next() shouldBe Line("both")
                    second.next() shouldBe Line("both")
                    first.cancel()
                    live.topic("room/42").publish(Line("one"))
                    second.next() shouldBe Line("one")
                    live.topic("room/42").subscribers shouldBe 1
                    second.cancel()

                    awaitUntil("the topic has no subscriber") { live.topic("room/42").subscribers == 0 }
                    awaitUntil("ann has no subscription") { live.sessions.single().topics.isEmpty() }
                }
            }

            test("concurrent publishes of one client arrive in order") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann")
                    val room = ann.topic<Line>("room/42")
                    ann.received<Line>("room/42")
                    val received = connect("/live?name=bob").received<Line>("room/42")

                    coroutineScope {
                        List(150) { n -> async(start = CoroutineStart.UNDISPATCHED) { room.publish(Line("$n")) } }
                            .awaitAll()
                    }

                    received.next(150).map { it.text } shouldContainExactly List(150) { "$it" }
                }
            }

            test("errors of the server reach the client with code and reason") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann")
                    ann.received<Line>("room/42")

                    errorOf { ann.topic<Line>("room/42").publish(Line("")) } shouldBe
                        (ErrorCode.BadPayload to "text is empty")
                    errorOf { ann.request<Line, Unit>("refuse", Line("ann")) } shouldBe
                        (ErrorCode.BadPayload to "no: ann")
                    errorOf { ann.received<Line>("room/secret").next() } shouldBe
                        (ErrorCode.Forbidden to "this session is not authorized for the topic")
                    errorOf { ann.topic<Line>("room/other").publish(Line("x")) } shouldBe
                        (ErrorCode.NotSubscribed to "subscribe to the topic before publishing to it")
                    errorOf { ann.received<Line>("nowhere").next() }.first shouldBe ErrorCode.UnknownTopic
                    ann.request<Line, Int>("length", Line("still here")) shouldBe 10
                }
            }

            test("a mismatched reply fails the request, and a mismatched payload fails the flow") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann")
                    shouldThrow<BadPayloadException> { ann.request<Line, Line>("length", Line("four")) }

                    val numbers = ann.received<Int>("room/42")
                    live.topic("room/42").publish(Line("no number"))

                    shouldThrow<BadPayloadException> { numbers.next() }
                }
            }

            test("a slow handler times out on the server, or on the client if its timeout is shorter") {
                testLiveOn(server, { rooms { session { handlerTimeout = 100.milliseconds } } }) {
                    val ann = connect("/live?name=ann")

                    errorOf { ann.request<Line, Int>("hang", Line("")) }.first shouldBe ErrorCode.Timeout
                    errorOf { ann.request<Line, Int>("hang", Line(""), timeout = 1.milliseconds) }.first shouldBe
                        ErrorCode.Timeout
                    ann.request<Line, Int>("length", Line("four")) shouldBe 4
                }
            }

            test("the application sends to a session, to a user and to all sessions") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann").receivedDirectly()
                    val bob = connect("/live?name=bob").receivedDirectly()
                    val toAnn = live.sessionsOf("ann").single()

                    toAnn.send(Message("note", body = Body.of(1))) shouldBe true
                    toAnn.trySend(Message("note", body = Body.of(2))) shouldBe true
                    live.sendToSession(toAnn.id, Message("note", body = Body.of(3))) shouldBe true
                    live.sendToUser("ann", Message("note", body = Body.of(4))) shouldBe 1
                    live.broadcast(Message("note", body = Body.of(5))) shouldBe 2

                    ann.next(5).map { it.decode<Int>() } shouldContainExactly listOf(1, 2, 3, 4, 5)
                    bob.next().decode<Int>() shouldBe 5
                    live.sendToUser("nobody", Message("note")) shouldBe 0
                }
            }

            test("application-defined messages are delivered in both directions") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann")
                    val received = ann.receivedDirectly()

                    ann.send(Message("shout", body = Body.bytes(byteArrayOf(1, 2, 3))))

                    received.next() shouldBe Message("shout", body = Body.bytes(byteArrayOf(1, 2, 3)))
                }
            }

            test("the application collects a topic in process and publishes to it") {
                testLiveOn(server) {
                    val ann = connect("/live?name=ann")
                    val received = ann.receivedRaw("room/42")
                    live.topic("room/42").messages.test(timeout = 2.minutes) {
                        ann.topic<Line>("room/42").publish(Line("hello"))
                        live.topic("room/42").publish(Line("from the application"))

                        awaitItem().decode<Line>() shouldBe Line("hello", from = "ann")
                        awaitItem().decode<Line>() shouldBe Line("from the application")
                    }
                    received.next(2).map { it.decode<Line>().text } shouldContainExactly
                        listOf("hello", "from the application")
                }
            }
        }
    }
})

private suspend fun errorOf(block: suspend () -> Unit): Pair<ErrorCode, String> {
    val error = shouldThrow<LiveException> { block() }
    return error.code to error.reason
}
