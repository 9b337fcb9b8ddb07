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
import dev.live.server.dialect.DialectTable
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.TestSession
import dev.live.server.support.TestTopics
import dev.live.server.support.payload
import dev.live.server.support.sessionSettings
import dev.live.server.support.testSession
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

/** Requests from the server to a client, in virtual time. */
class SessionRequestTest : FunSpec({

    test("a request carries a server ref and returns the decoded reply with that ref") {
        withClient {
            val pending = start { session.request<String, Int>("count", "room") }

            val request = sent()
            session.handleReply(Message(MessageType.REPLY, ref = request.ref, body = Body.json("7")))

            pending.await() shouldBe 7
            request.type shouldBe "count"
            request.ref shouldStartWith "$"
            request.decode<String>() shouldBe "room"
        }
    }

    test("replies match their requests in any order") {
        withClient {
            val pending = List(3) { start { session.request<Int, Int>("double", it) } }

            val requests = List(3) { sent() }
            for (one in requests.reversed()) {
                val reply = Body.json("${2 * one.decode<Int>()}")
                session.handleReply(Message(MessageType.REPLY, ref = one.ref, body = reply))
            }

            pending.map { it.await() } shouldBe listOf(0, 2, 4)
        }
    }

    test("refs are unique across requests and sessions") {
        withClient {
            val other = client()
            val pending = listOf(session, session, other).map { start { it.requestMessage("who") } }

            val refs = listOf(session.sent().ref, session.sent().ref, other.sent().ref)

            refs.toSet().size shouldBe 3
            pending.forEach { it.cancel() }
        }
    }

    test("an error reply fails the request with its code and reason") {
        withClient {
            val pending = start { session.request<String, Int>("count", "room") }

            val error = LiveException(ErrorCode.Forbidden, "not you", 3.seconds)
            session.handleReply(error.toMessage(ref = sent().ref))

            val failure = shouldThrow<RequestFailedException> { pending.await() }
            failure.code shouldBe ErrorCode.Forbidden
            failure.reason shouldBe "not you"
            failure.retryAfter shouldBe 3.seconds
        }
    }

    test("an error reply can neither inject log lines nor produce long ones") {
        withClient {
            val pending = start { session.request<String, Int>("count", "room") }

            val code = ErrorCode.of("x\n" + "y".repeat(1000))
            val hostile = LiveException(code, "no\r\nERROR all is lost" + "!".repeat(1000))
            session.handleReply(hostile.toMessage(ref = sent().ref))

            val failure = shouldThrow<RequestFailedException> { pending.await() }
            failure.message.orEmpty() shouldNotContain Regex("[\\r\\n]")
            (failure.message.orEmpty().length < 600) shouldBe true
        }
    }

    test("an empty error reply is internal, and a reply of another type is a bad payload") {
        withClient {
            val first = start { session.request<String, Int>("count", "room") }
            session.handleReply(Message(MessageType.ERROR, ref = sent().ref))
            val second = start { session.request<String, Int>("count", "room") }
            session.handleReply(Message(MessageType.REPLY, ref = sent().ref, body = Body.json("[]")))

            shouldThrow<RequestFailedException> { first.await() }.code shouldBe ErrorCode.Internal
            shouldThrow<RequestFailedException> { second.await() }.reason shouldBe
                "malformed reply to 'count': data must be a number"
        }
    }

    test("a request without a reply in time fails with timeout, and a late reply is ignored") {
        withClient {
            val pending = start { session.request<String, Int>("count", "room", timeout = 3.seconds) }
            val request = sent()

            val late = shouldThrow<RequestFailedException> { pending.await() }
            session.handleReply(Message(MessageType.REPLY, ref = request.ref, body = Body.json("7")))

            late.code shouldBe ErrorCode.Timeout
            late.reason shouldBe "no reply to 'count' within 3s"
            test.currentTime shouldBe 3_000
            session.requests.shouldNotBeNull().size shouldBe 0
            session.isOpen shouldBe true
        }
    }

    test("the first of two replies is used") {
        withClient {
            val pending = start { session.request<String, Int>("count", "room") }

            val ref = sent().ref
            for (n in listOf("7", "8")) session.handleReply(Message(MessageType.REPLY, ref = ref, body = Body.json(n)))

            pending.await() shouldBe 7
            session.isOpen shouldBe true
        }
    }

    test("a reply without a request is ignored, and a session without requests allocates no table") {
        withClient {
            session.handleReply(Message(MessageType.REPLY, ref = "$1"))

            session.requests.shouldBeNull()
        }
    }

    test("a cancelled request is removed") {
        withClient {
            val pending = start { session.request<String, Int>("count", "room") }
            sent()

            pending.cancelAndJoin()

            session.requests.shouldNotBeNull().size shouldBe 0
        }
    }

    test("256 requests may be pending; another one is rejected until a reply arrives") {
        withClient {
            val waiting = List(256) { start { session.requestMessage("who") }.also { test.runCurrent() } to sent() }

            val rejection = shouldThrow<RequestFailedException> { session.requestMessage("who") }
            session.handleReply(Message(MessageType.REPLY, ref = waiting.first().second.ref))
            waiting.first().first.await()
            val next = start { session.requestMessage("who") }

            rejection.code shouldBe ErrorCode.RateLimited
            session.handleReply(Message(MessageType.REPLY, ref = sent().ref))
            next.await().type shouldBe MessageType.REPLY
            waiting.forEach { it.first.cancel() }
        }
    }

    test("the timeout includes waiting for queue space") {
        withClient(queueCapacity = 1) {
            session.trySend(Message("first"))

            val late = shouldThrow<RequestFailedException> { session.requestMessage("who", timeout = 2.seconds) }

            late.code shouldBe ErrorCode.Timeout
            test.currentTime shouldBe 2_000
        }
    }

    test("pending and later requests fail when the session ends") {
        runTest {
            val one = TestSession(this)
            one.start()
            val pending = failingScope().async { one.session.requestMessage("who") }
            runCurrent()

            one.socket.sendClose()
            runCurrent()

            val lost = shouldThrow<RequestFailedException> { pending.await() }
            lost.code.wire shouldBe "connection_lost"
            lost.reason shouldBe
                "the session ended before the reply to 'who'; the client may have processed the request"
            val late = shouldThrow<RequestFailedException> { one.session.requestMessage("who") }
            late.code.wire shouldBe "connection_lost"
            one.session.requests.shouldNotBeNull().size shouldBe 0
            currentTime shouldBe 0
        }
    }

    test("a request on a closed session fails at once") {
        withClient {
            session.close(CloseCode.Normal)

            shouldThrow<RequestFailedException> { session.requestMessage("who") }.code.wire shouldBe "connection_lost"
            test.currentTime shouldBe 0
        }
    }

    test("reserved types and invalid timeouts are rejected") {
        withClient {
            shouldThrow<IllegalArgumentException> { session.requestMessage("ack") }.message shouldBe
                "request type 'ack' is reserved by the protocol. Choose another type."
            shouldThrow<IllegalArgumentException> { session.requestMessage("who", timeout = 0.seconds) }
                .message shouldBe "timeout must be positive, was 0s"
            session.requests shouldBe null
            session.id shouldNotBe ""
        }
    }
})

private class Client(val test: TestScope, val scope: CoroutineScope, queueCapacity: Int) {
    private val topics = TestTopics(test.backgroundScope, DialectTable(listOf(JsonCodec))).registry
    private val runtime =
        SessionRuntime(sessionSettings(queueCapacity = queueCapacity), topics, slot = 0) { test.currentTime }
    val session = client()

    fun client() = testSession(runtime, scope)

    suspend fun sent() = session.sent()

    /** The next message that this session would write. */
    suspend fun Session<*>.sent(): Message {
        val batch = arrayOfNulls<OutboundFrame>(1)
        state.queue.take(batch)
        return JsonCodec.decode(batch[0]!!.payload())
    }

    /** Starts [block] in [scope]; a failure is only visible in the result. */
    fun <T> start(block: suspend () -> T): Deferred<T> = scope.async { block() }.also { test.runCurrent() }
}

private fun TestScope.failingScope() = CoroutineScope(backgroundScope.coroutineContext + SupervisorJob())

private fun withClient(queueCapacity: Int = 1_000, block: suspend Client.() -> Unit) =
    runTest {
        val scope = failingScope()
        Client(this, scope, queueCapacity).block()
        scope.cancel()
    }
