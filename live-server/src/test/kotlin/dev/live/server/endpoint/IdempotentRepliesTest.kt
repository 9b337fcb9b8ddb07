@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.server.endpoint.IdempotentReplies.Outcome
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class IdempotentRepliesTest : FunSpec({

    test("a repeated key returns the first reply, and the handler runs once") {
        withReplies {
            request("ann", "=1") shouldBe "1"
            request("ann", "=1") shouldBe "1"

            runs shouldBe 1
        }
    }

    test("a different key, a different user or an expired key runs the handler again") {
        withReplies {
            request("ann", "=1") shouldBe "1"
            request("ann", "=2") shouldBe "2"
            request("bob", "=1") shouldBe "3"
            now += 5 * 60_000 - 1
            request("ann", "=1") shouldBe "1"
            now += 1
            request("ann", "=1") shouldBe "4"

            replies.size shouldBe 1 // expired entries are removed when a new one arrives
        }
    }

    test("two concurrent requests with one key run once and both receive the reply") {
        withReplies {
            val gate = CompletableDeferred<Unit>()
            handlerGate = gate
            val both = List(2) { test.async { request("ann", "=1") } }
            test.runCurrent()
            runs shouldBe 1

            gate.complete(Unit)

            both.map { it.await() } shouldBe listOf("1", "1")
            runs shouldBe 1
        }
    }

    test("a cancelled caller does not cancel the handler, and a repeat receives the reply") {
        withReplies {
            val gate = CompletableDeferred<Unit>()
            handlerGate = gate
            val first = test.launch { request("ann", "=1") }
            test.runCurrent()
            first.cancelAndJoin()

            gate.complete(Unit)
            test.runCurrent()

            request("ann", "=1") shouldBe "1"
            runs shouldBe 1
        }
    }

    test("a failed request may be retried, and all waiting callers receive the failure") {
        withReplies {
            failure = LiveException(ErrorCode.Forbidden, "not now", 3.seconds)
            val failed = List(2) { failingScope.async { request("ann", "=1") } }.map {
                shouldThrow<LiveException> { it.await() }
            }
            failure = null

            failed.map { Triple(it.code, it.reason, it.retryAfter) }.toSet() shouldBe
                setOf(Triple(ErrorCode.Forbidden, "not now", 3.seconds))
            request("ann", "=1") shouldBe "2"
        }
    }

    test("a key reused with another payload is rejected, and its reply is kept") {
        withReplies {
            request("ann", "=1", Body.json("1"))

            for (other in listOf(Body.json("2"), Body.bytes("json 1".encodeToByteArray()), null)) {
                shouldThrow<LiveException> { request("ann", "=1", other) }.reason shouldBe
                    "this key was used with another payload. Use a new key for each request."
            }
            request("ann", "=1", Body.json("1")) shouldBe "1"
        }
    }

    test("a user at the key limit is rejected before the handler runs, with the time until a key expires") {
        withReplies(KeyLimits(keysPerUser = 2)) {
            request("ann", "=1")
            now += 60_000
            request("ann", "=2")

            val rejection = shouldThrow<LiveException> { request("ann", "=3") }

            rejection.code shouldBe ErrorCode.RateLimited
            rejection.reason shouldBe "at most 2 keys per user within 5m"
            rejection.retryAfter shouldBe 4.minutes
            runs shouldBe 2
            request("bob", "=3") shouldBe "3"
            request("ann", "=1") shouldBe "1"
            now += 4 * 60_000
            request("ann", "=3") shouldBe "4"
        }
    }

    test("the number of keys of all users is limited") {
        withReplies(KeyLimits(keys = 2)) {
            request("ann", "=1")
            request("bob", "=1")

            shouldThrow<LiveException> { request("cat", "=1") }.reason shouldBe "at most 2 keys on this node within 5m"
            runs shouldBe 2
        }
    }

    for ((bound, limits) in listOf("one reply" to KeyLimits(replyBytes = 3), "all replies" to KeyLimits(bytes = 5))) {
        test("a reply over the byte limit of $bound is returned once; a repeat is rejected without running") {
            withReplies(limits) {
                reply = { "\"abcd\"" }

                request("ann", "=1") shouldBe "\"abcd\""

                val rejection = shouldThrow<LiveException> { request("ann", "=1") }
                rejection.code shouldBe ErrorCode.TooLarge
                rejection.reason shouldBe "the request was executed, but its reply was too large to store"
                runs shouldBe 1
            }
        }
    }

    test("the keys of a forgotten owner are removed: completed ones at once, a running one on completion") {
        withReplies(KeyLimits(keys = 3)) {
            request("ann", "=1")
            request("bob", "=1")
            val gate = CompletableDeferred<Unit>()
            handlerGate = gate
            val running = test.async { request("ann", "=2") }
            test.runCurrent()

            replies.forget("ann")
            replies.forget("unknown")

            replies.size shouldBe 2
            gate.complete(Unit)
            running.await() shouldBe "3"
            replies.size shouldBe 1
            request("bob", "=1") shouldBe "2"
        }
    }

    test("a server that stops leaves no waiting caller and no key") {
        withReplies {
            handlerGate = CompletableDeferred()
            val pending = failingScope.async { request("ann", "=1") }
            test.runCurrent()

            server.cancel()
            test.runCurrent()

            pending.isCompleted shouldBe true
            replies.size shouldBe 0
        }
    }

    test("in any sequence, each key of each user runs once per window") {
        checkAll(200, Arb.list(Arb.int(0..11), 0..60)) { steps ->
            withReplies {
                val expected = HashMap<Pair<String, String>, Pair<String, Long>>()
                for (step in steps) {
                    val (user, key) = listOf("ann", "bob")[step % 2] to "=${step % 3}"
                    now += step * 10_000L
                    val before = expected[user to key]?.takeIf { now < it.second + 5 * 60_000 }

                    val reply = request(user, key)

                    if (before != null) reply shouldBe before.first else expected[user to key] = reply to now
                }
                runs shouldBe expected.values.maxOfOrNull { it.first.toInt() }.let { it ?: 0 }
            }
        }
    }

    test("an invalid window is rejected") {
        for (window in listOf(Duration.ZERO, Duration.INFINITE)) {
            shouldThrow<IllegalArgumentException> { IdempotentReplies(window) }.message shouldBe
                "idempotent must be positive and finite, was $window"
        }
    }
})

private class Replies(val test: TestScope, limits: KeyLimits) {
    val server = CoroutineScope(test.backgroundScope.coroutineContext + SupervisorJob())

    /** Scope for requests that may fail without failing the test. */
    val failingScope = CoroutineScope(test.backgroundScope.coroutineContext + SupervisorJob())
    var now = 0L
    var runs = 0
    var failure: LiveException? = null
    var handlerGate: CompletableDeferred<Unit>? = null
    var reply = { "$runs" }
    val replies = IdempotentReplies(5.minutes, limits) { now }

    suspend fun request(user: String, ref: String, body: Body? = null): String =
        (replies.reply(user, Message("pay", ref = ref, body = body), server, ::handle) as Body.Json).text

    private suspend fun handle(): Outcome {
        runs++
        handlerGate?.await()
        return failure?.let { Outcome(null, it) } ?: Outcome(Body.json(reply()))
    }
}

private fun withReplies(limits: KeyLimits = KeyLimits(), block: suspend Replies.() -> Unit) =
    runTest { Replies(this, limits).block() }
