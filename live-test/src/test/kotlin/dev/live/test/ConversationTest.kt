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

/** What the client and the server say to each other, on every engine. */
class ConversationTest : FunSpec({

    for (place in Place.entries) {
        context("on $place") {
            for (codec in listOf(JsonCodec, CborCodec, MessagePackCodec)) {
                test("topics and requests work over ${codec.subprotocol}") {
                    testLiveOn(place) {
                        val ann = connect("/live?name=ann") { codecs(codec) }
                        val heard = ann.received<Line>("room/42")

                        ann.topic<Line>("room/42").publish(Line("grüße"))

                        heard.next() shouldBe Line("grüße", from = "ann")
                        ann.request<Line, Int>("length", Line("four")) shouldBe 4
                        live.sessions.single().codec shouldBe codec
                    }
                }
            }

            test("clients of different codecs hear each other") {
                testLiveOn(place) {
                    val ann = connect("/live?name=ann") { codecs(CborCodec) }
                    val bob = connect("/live?name=bob") { codecs(MessagePackCodec, JsonCodec) }
                    val heardByAnn = ann.received<Line>("room/42")
                    val heardByBob = bob.received<Line>("room/42")

                    ann.topic<Line>("room/42").publish(Line("from ann"))
                    bob.topic<Line>("room/42").publish(Line("from bob"))

                    val all = listOf(Line("from ann", "ann"), Line("from bob", "bob"))
                    heardByAnn.next(2) shouldContainExactly all
                    heardByBob.next(2) shouldContainExactly all
                }
            }

            test("two collectors share one subscription, and the last one to go ends it") {
                testLiveOn(place) {
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

                    awaitUntil("nobody is subscribed") { live.topic("room/42").subscribers == 0 }
                    awaitUntil("ann is in no topic") { live.sessions.single().topics.isEmpty() }
                }
            }

            test("what one client publishes at once arrives in order at another") {
                testLiveOn(place) {
                    val ann = connect("/live?name=ann")
                    val room = ann.topic<Line>("room/42")
                    ann.received<Line>("room/42")
                    val heard = connect("/live?name=bob").received<Line>("room/42")

                    coroutineScope {
                        List(150) { n -> async(start = CoroutineStart.UNDISPATCHED) { room.publish(Line("$n")) } }
                            .awaitAll()
                    }

                    heard.next(150).map { it.text } shouldContainExactly List(150) { "$it" }
                }
            }

            test("the server's errors surface with its code and reason") {
                testLiveOn(place) {
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

            test("a reply of another shape fails the request, and a payload of another shape its flow") {
                testLiveOn(place) {
                    val ann = connect("/live?name=ann")
                    shouldThrow<BadPayloadException> { ann.request<Line, Line>("length", Line("four")) }

                    val numbers = ann.received<Int>("room/42")
                    live.topic("room/42").publish(Line("no number"))

                    shouldThrow<BadPayloadException> { numbers.next() }
                }
            }

            test("a handler that takes too long is a timeout of the server, and one of the client if that is shorter") {
                testLiveOn(place, { rooms { session { handlerTimeout = 100.milliseconds } } }) {
                    val ann = connect("/live?name=ann")

                    errorOf { ann.request<Line, Int>("hang", Line("")) }.first shouldBe ErrorCode.Timeout
                    errorOf { ann.request<Line, Int>("hang", Line(""), timeout = 1.milliseconds) }.first shouldBe
                        ErrorCode.Timeout
                    ann.request<Line, Int>("length", Line("four")) shouldBe 4
                }
            }

            test("the application sends to a session, to a user and to everybody") {
                testLiveOn(place) {
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

            test("an application's own messages go there and back") {
                testLiveOn(place) {
                    val ann = connect("/live?name=ann")
                    val heard = ann.receivedDirectly()

                    ann.send(Message("shout", body = Body.bytes(byteArrayOf(1, 2, 3))))

                    heard.next() shouldBe Message("shout", body = Body.bytes(byteArrayOf(1, 2, 3)))
                }
            }

            test("the application hears a topic in process, and publishes to it") {
                testLiveOn(place) {
                    val ann = connect("/live?name=ann")
                    val heard = ann.receivedRaw("room/42")
                    live.topic("room/42").messages.test(timeout = 2.minutes) {
                        ann.topic<Line>("room/42").publish(Line("hello"))
                        live.topic("room/42").publish(Line("from the application"))

                        awaitItem().decode<Line>() shouldBe Line("hello", from = "ann")
                        awaitItem().decode<Line>() shouldBe Line("from the application")
                    }
                    heard.next(2).map { it.decode<Line>().text } shouldContainExactly
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
