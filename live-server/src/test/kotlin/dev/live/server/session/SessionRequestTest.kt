@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.toMessage
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.TestSession
import dev.live.server.support.TestTopics
import dev.live.server.support.payload
import dev.live.server.support.sessionSettings
import dev.live.server.support.testSession
import dev.live.server.topic.CodecTable
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import io.kotest.matchers.string.shouldNotContain
import io.kotest.matchers.string.shouldStartWith
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.seconds

/** What the server asks a client, in virtual time. */
class SessionRequestTest : FunSpec({

    test("a request carries a ref of the server's, and returns the reply with that ref as its type") {
        withClient {
            val asking = start { session.request<String, Int>("count", "room") }

            val asked = heard()
            session.answered(Message(MessageType.REPLY, ref = asked.ref, body = Body.json("7")))

            asking.await() shouldBe 7
            asked.type shouldBe "count"
            asked.ref shouldStartWith "$"
            asked.decode<String>() shouldBe "room"
        }
    }

    test("answers find their requests whatever their order") {
        withClient {
            val asking = List(3) { start { session.request<Int, Int>("double", it) } }

            val asked = List(3) { heard() }
            for (one in asked.reversed()) {
                val reply = Body.json("${2 * one.decode<Int>()}")
                session.answered(Message(MessageType.REPLY, ref = one.ref, body = reply))
            }

            asking.map { it.await() } shouldBe listOf(0, 2, 4)
        }
    }

    test("no ref is used twice, and one session's refs say nothing of another's") {
        withClient {
            val other = client()
            val asking = listOf(session, session, other).map { start { it.requestMessage("who") } }

            val refs = listOf(session.heard().ref, session.heard().ref, other.heard().ref)

            refs.toSet().size shouldBe 3
            asking.forEach { it.cancel() }
        }
    }

    test("a client that refuses is heard with its code and reason") {
        withClient {
            val asking = start { session.request<String, Int>("count", "room") }

            val refusal = LiveException(ErrorCode.Forbidden, "not you", 3.seconds)
            session.answered(refusal.toMessage(ref = heard().ref))

            val refused = shouldThrow<RequestFailedException> { asking.await() }
            refused.code shouldBe ErrorCode.Forbidden
            refused.reason shouldBe "not you"
            refused.retryAfter shouldBe 3.seconds
        }
    }

    test("what a client says of its refusal can neither forge a line of a log nor fill it") {
        withClient {
            val asking = start { session.request<String, Int>("count", "room") }

            val code = ErrorCode.of("x\n" + "y".repeat(1000))
            val hostile = LiveException(code, "no\r\nERROR all is lost" + "!".repeat(1000))
            session.answered(hostile.toMessage(ref = heard().ref))

            val refused = shouldThrow<RequestFailedException> { asking.await() }
            refused.message.orEmpty() shouldNotContain Regex("[\\r\\n]")
            (refused.message.orEmpty().length < 600) shouldBe true
        }
    }

    test("an error that says nothing is still an error, and a reply of another type is a bad payload") {
        withClient {
            val first = start { session.request<String, Int>("count", "room") }
            session.answered(Message(MessageType.ERROR, ref = heard().ref))
            val second = start { session.request<String, Int>("count", "room") }
            session.answered(Message(MessageType.REPLY, ref = heard().ref, body = Body.json("[]")))

            shouldThrow<RequestFailedException> { first.await() }.code shouldBe ErrorCode.Internal
            shouldThrow<RequestFailedException> { second.await() }.reason shouldBe
                "the reply to 'count' does not fit: data must be a number"
        }
    }

    test("a client that does not answer in time is a timeout, and its late reply is nobody's") {
        withClient {
            val asking = start { session.request<String, Int>("count", "room", timeout = 3.seconds) }
            val asked = heard()

            val late = shouldThrow<RequestFailedException> { asking.await() }
            session.answered(Message(MessageType.REPLY, ref = asked.ref, body = Body.json("7")))

            late.code shouldBe ErrorCode.Timeout
            late.reason shouldBe "no reply to 'count' within 3s"
            test.currentTime shouldBe 3_000
            session.requests.shouldNotBeNull().size shouldBe 0
            session.isOpen shouldBe true
        }
    }

    test("of two replies the first one counts") {
        withClient {
            val asking = start { session.request<String, Int>("count", "room") }

            val ref = heard().ref
            for (n in listOf("7", "8")) session.answered(Message(MessageType.REPLY, ref = ref, body = Body.json(n)))

            asking.await() shouldBe 7
            session.isOpen shouldBe true
        }
    }

    test("a reply to nothing is harmless, and costs a session that asks nothing no memory") {
        withClient {
            session.answered(Message(MessageType.REPLY, ref = "$1"))

            session.requests.shouldBeNull()
        }
    }

    test("a caller that is cancelled is forgotten") {
        withClient {
            val asking = start { session.request<String, Int>("count", "room") }
            heard()

            asking.cancelAndJoin()

            session.requests.shouldNotBeNull().size shouldBe 0
        }
    }

    test("256 requests may wait for their replies; one more is refused until one has come") {
        withClient {
            val waiting = List(256) { start { session.requestMessage("who") }.also { test.runCurrent() } to heard() }

            val refused = shouldThrow<RequestFailedException> { session.requestMessage("who") }
            session.answered(Message(MessageType.REPLY, ref = waiting.first().second.ref))
            waiting.first().first.await()
            val next = start { session.requestMessage("who") }

            refused.code shouldBe ErrorCode.RateLimited
            session.answered(Message(MessageType.REPLY, ref = heard().ref))
            next.await().type shouldBe MessageType.REPLY
            waiting.forEach { it.first.cancel() }
        }
    }

    test("waiting for room in the queue is within the timeout") {
        withClient(queueCapacity = 1) {
            session.trySend(Message("first"))

            val late = shouldThrow<RequestFailedException> { session.requestMessage("who", timeout = 2.seconds) }

            late.code shouldBe ErrorCode.Timeout
            test.currentTime shouldBe 2_000
        }
    }

    test("the end of the session is the end of what waits, and of what comes later") {
        runTest {
            val one = TestSession(this)
            one.start()
            val asking = aside().async { one.session.requestMessage("who") }
            runCurrent()

            one.socket.sayGoodbye()
            runCurrent()

            val lost = shouldThrow<RequestFailedException> { asking.await() }
            lost.code.wire shouldBe "connection_lost"
            lost.reason shouldBe "the session ended before 'who' was answered; whether it was carried out is not known"
            val late = shouldThrow<RequestFailedException> { one.session.requestMessage("who") }
            late.code.wire shouldBe "connection_lost"
            one.session.requests.shouldNotBeNull().size shouldBe 0
            currentTime shouldBe 0
        }
    }

    test("a session that was closed before it ever asked something answers at once") {
        withClient {
            session.close(CloseCode.Normal)

            shouldThrow<RequestFailedException> { session.requestMessage("who") }.code.wire shouldBe "connection_lost"
            test.currentTime shouldBe 0
        }
    }

    test("types of the protocol's own and timeouts that are none are refused") {
        withClient {
            shouldThrow<IllegalArgumentException> { session.requestMessage("ack") }.message shouldBe
                "request type 'ack' is one of the protocol's own; choose another"
            shouldThrow<IllegalArgumentException> { session.requestMessage("who", timeout = 0.seconds) }
                .message shouldBe "timeout must be positive, was 0s"
            session.requests shouldBe null
            session.id shouldNotBe ""
        }
    }
})

private class Client(val test: TestScope, val scope: CoroutineScope, queueCapacity: Int) {
    private val topics = TestTopics(test.backgroundScope, CodecTable(listOf(JsonCodec))).registry
    private val runtime =
        SessionRuntime(sessionSettings(queueCapacity = queueCapacity), topics, codecSlot = 0) { test.currentTime }
    val session = client()

    fun client() = testSession(runtime, scope)

    suspend fun heard() = session.heard()

    /** The next message that this session would write. */
    suspend fun Session<*>.heard(): Message {
        val batch = arrayOfNulls<OutboundFrame>(1)
        state.queue.take(batch)
        return JsonCodec.decode(batch[0]!!.payload())
    }

    /** Runs [block] beside the test; its failure is the result's alone. */
    fun <T> start(block: suspend () -> T): Deferred<T> = scope.async { block() }.also { test.runCurrent() }
}

private fun TestScope.aside() = CoroutineScope(backgroundScope.coroutineContext + SupervisorJob())

private fun withClient(queueCapacity: Int = 1_000, block: suspend Client.() -> Unit) =
    runTest {
        val scope = aside()
        Client(this, scope, queueCapacity).block()
        scope.cancel()
    }
