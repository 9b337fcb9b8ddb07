package dev.live.test

import app.cash.turbine.test
import dev.live.client.connection.ReconnectPolicy
import dev.live.docs.Notice
import dev.live.docs.Order
import dev.live.docs.Paying
import dev.live.docs.Question
import dev.live.docs.Receipt
import dev.live.docs.Shop
import dev.live.docs.club
import dev.live.docs.confirm
import dev.live.docs.shop
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.session.RequestFailedException
import dev.live.server.session.Session
import dev.live.server.topic.publish
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** Requests in both directions and subscriptions by the server, with a real client and a real server. */
class RequestTest : FunSpec({

    test("a client replies to a request, rejects it or reports an unknown type") {
        testLive({ shop(Paid()) }, "/live?name=ann") {
            val ann = connect()
            val handler = confirm(ann) { it == "sure?" }
            val session = live.sessions.single()

            ask(session, "sure?") shouldBe true
            ask(session, "really?") shouldBe false
            shouldThrow<RequestFailedException> { ask(session, "") }.reason shouldBe "the question is empty"
            shouldThrow<RequestFailedException> { session.request<Int, Boolean>("confirm", 7) }.code shouldBe
                ErrorCode.BadPayload

            handler.close()
            shouldThrow<RequestFailedException> { ask(session, "sure?") }.code shouldBe ErrorCode.UnknownType
        }
    }

    test("both sides send requests concurrently") {
        testLive({ shop(Paid()) }, "/live?name=ann") {
            val ann = connect()
            // the client sends its own request before it replies
            ann.onRequest<String, Int>("length") { text -> ann.request("count", text) }
            val session = live.sessions.single()

            coroutineScope {
                val lengths = List(20) { async { session.request<String, Int>("length", "x".repeat(it)) } }

                lengths.awaitAll() shouldContainExactly List(20) { it }
            }
        }
    }

    test("a missing reply of the client times out, and the session stays open") {
        testLive({ shop(Paid()) }, "/live?name=ann") {
            val ann = connect()
            val gate = CompletableDeferred<Boolean>()
            confirm(ann) { gate.await() }
            val session = live.sessions.single()

            val late = shouldThrow<RequestFailedException> {
                session.request<Question, Boolean>("confirm", Question("?"), timeout = 50.milliseconds)
            }
            gate.complete(true)

            late.code shouldBe ErrorCode.Timeout
            ask(session, "sure?") shouldBe true
        }
    }

    test("a request with an idempotency key runs once if the connection is lost before the reply") {
        val shop = Paid()
        testLive({ shop(shop) }, "/live?name=ann") {
            val ann = connect { reconnect = ReconnectPolicy { 10.milliseconds } }
            coroutineScope {
                val paying = async { Paying.pay(ann, Order(17, 5)) }
                shop.begun.await()
                live.sessions.single().close(CloseCode.GoingAway)
                shop.gate.complete(Unit)

                paying.await() shouldBe Receipt("ann paid 5, 1")
            }

            Paying.pay(ann, Order(17, 5)) shouldBe Receipt("ann paid 5, 1")
            Paying.pay(ann, Order(18, 5)) shouldBe Receipt("ann paid 5, 2")
            shouldThrow<LiveException> { Paying.pay(ann, Order(19, 0)) }.reason shouldBe "the amount must be positive"
        }
    }

    test("a client is notified when the server subscribes it and unsubscribes it, without authorize") {
        testLive({ club() }, "/live?name=ann") {
            val ann = connect()
            val admins = ann.topic<Notice>("room/admins")
            shouldThrow<LiveException> {
                admins.messages.test(timeout = 2.minutes) { throw awaitError() }
            }.code shouldBe
                ErrorCode.Forbidden
            ann.messages.test(timeout = 2.minutes) {
                ann.requestMessage(MessageType.PING)
                ann.request<String, Boolean>("promote", "ann") shouldBe true

                awaitItem() shouldBe Message(MessageType.SUBSCRIBE, "room/admins")
            }

            admins.messages.test(timeout = 2.minutes) {
                ann.requestMessage(MessageType.PING) // waits until the subscribe is handled
                live.topic("room/admins").publish(Notice("welcome"))
                awaitItem() shouldBe Notice("welcome")

                live.sessions.single().unsubscribe("room/admins") shouldBe true

                (awaitError() as LiveException).code shouldBe ErrorCode.NotSubscribed
            }
        }
    }

    test("a kicked client does not reconnect") {
        testLive({ club() }, "/live?name=ann") {
            val ann = connect()
            ann.request<String, Boolean>("promote", "nobody")

            live.kickUser("ann", "account closed") shouldBe 1

            ann.awaitClosed()
            live.sessionsOf("ann").size shouldBe 0
        }
    }
})

private suspend fun ask(session: Session<*>, text: String): Boolean =
    session.request("confirm", Question(text))

private class Paid : Shop {
    val begun = CompletableDeferred<Unit>()
    val gate = CompletableDeferred<Unit>()
    private var payments = 0

    override suspend fun pay(user: String, order: Order): Receipt {
        begun.complete(Unit)
        gate.await()
        return Receipt("$user paid ${order.amount}, ${++payments}")
    }
}
