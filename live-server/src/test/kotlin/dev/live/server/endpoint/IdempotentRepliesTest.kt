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

    test("a key that comes again has the first reply, and the handler runs once") {
        withReplies {
            ask("ann", "=1") shouldBe "1"
            ask("ann", "=1") shouldBe "1"

            runs shouldBe 1
        }
    }

    test("another key, another user and a key after its window run again") {
        withReplies {
            ask("ann", "=1") shouldBe "1"
            ask("ann", "=2") shouldBe "2"
            ask("bob", "=1") shouldBe "3"
            now += 5 * 60_000 - 1
            ask("ann", "=1") shouldBe "1"
            now += 1
            ask("ann", "=1") shouldBe "4"

            replies.size shouldBe 1 // what is over goes when the next one comes
        }
    }

    test("two at the same time run once, and both have the reply") {
        withReplies {
            val gate = CompletableDeferred<Unit>()
            hold = gate
            val both = List(2) { test.async { ask("ann", "=1") } }
            test.runCurrent()
            runs shouldBe 1

            gate.complete(Unit)

            both.map { it.await() } shouldBe listOf("1", "1")
            runs shouldBe 1
        }
    }

    test("who stops waiting does not stop the handler, and finds its reply when it comes again") {
        withReplies {
            val gate = CompletableDeferred<Unit>()
            hold = gate
            val first = test.launch { ask("ann", "=1") }
            test.runCurrent()
            first.cancelAndJoin()

            gate.complete(Unit)
            test.runCurrent()

            ask("ann", "=1") shouldBe "1"
            runs shouldBe 1
        }
    }

    test("what failed may be asked for again, and everybody who waited hears of it") {
        withReplies {
            failure = LiveException(ErrorCode.Forbidden, "not now", 3.seconds)
            val failed = List(2) { aside.async { ask("ann", "=1") } }.map {
                shouldThrow<LiveException> { it.await() }
            }
            failure = null

            failed.map { Triple(it.code, it.reason, it.retryAfter) }.toSet() shouldBe
                setOf(Triple(ErrorCode.Forbidden, "not now", 3.seconds))
            ask("ann", "=1") shouldBe "2"
        }
    }

    test("a key that is used for another payload is refused, and keeps its reply") {
        withReplies {
            ask("ann", "=1", Body.json("1"))

            for (other in listOf(Body.json("2"), Body.bytes("json 1".encodeToByteArray()), null)) {
                shouldThrow<LiveException> { ask("ann", "=1", other) }.reason shouldBe
                    "this key was used for another payload; a key stands for one request"
            }
            ask("ann", "=1", Body.json("1")) shouldBe "1"
        }
    }

    test("a user with as many keys as are kept is refused before anything runs, and told when there is room") {
        withReplies(KeyLimits(keysPerUser = 2)) {
            ask("ann", "=1")
            now += 60_000
            ask("ann", "=2")

            val refused = shouldThrow<LiveException> { ask("ann", "=3") }

            refused.code shouldBe ErrorCode.RateLimited
            refused.reason shouldBe "a user may use at most 2 keys within 5m"
            refused.retryAfter shouldBe 4.minutes
            runs shouldBe 2
            ask("bob", "=3") shouldBe "3"
            ask("ann", "=1") shouldBe "1"
            now += 4 * 60_000
            ask("ann", "=3") shouldBe "4"
        }
    }

    test("all users together have a bound too") {
        withReplies(KeyLimits(keys = 2)) {
            ask("ann", "=1")
            ask("bob", "=1")

            shouldThrow<LiveException> { ask("cat", "=1") }.reason shouldBe "at most 2 keys are kept within 5m"
            runs shouldBe 2
        }
    }

    for ((what, limits) in listOf("one reply" to KeyLimits(replyBytes = 3), "all replies" to KeyLimits(bytes = 5))) {
        test("a reply over the bound of $what reaches who waits; the repeat is refused and does not run") {
            withReplies(limits) {
                reply = { "\"abcd\"" }

                ask("ann", "=1") shouldBe "\"abcd\""

                val refused = shouldThrow<LiveException> { ask("ann", "=1") }
                refused.code shouldBe ErrorCode.TooLarge
                refused.reason shouldBe "carried out already, but its reply was too large to be kept"
                runs shouldBe 1
            }
        }
    }

    test("of an owner that is gone no key is kept: what has run goes at once, what runs when it is done") {
        withReplies(KeyLimits(keys = 3)) {
            ask("ann", "=1")
            ask("bob", "=1")
            val gate = CompletableDeferred<Unit>()
            hold = gate
            val running = test.async { ask("ann", "=2") }
            test.runCurrent()

            replies.forget("ann")
            replies.forget("nobody")

            replies.size shouldBe 2
            gate.complete(Unit)
            running.await() shouldBe "3"
            replies.size shouldBe 1
            ask("bob", "=1") shouldBe "2"
        }
    }

    test("a server that ends leaves nobody waiting, and no key behind") {
        withReplies {
            hold = CompletableDeferred()
            val asking = aside.async { ask("ann", "=1") }
            test.runCurrent()

            server.cancel()
            test.runCurrent()

            asking.isCompleted shouldBe true
            replies.size shouldBe 0
        }
    }

    test("whatever comes in whatever order, each key of each user runs once in its window") {
        checkAll(200, Arb.list(Arb.int(0..11), 0..60)) { script ->
            withReplies {
                val expected = HashMap<Pair<String, String>, Pair<String, Long>>()
                for (step in script) {
                    val (user, key) = listOf("ann", "bob")[step % 2] to "=${step % 3}"
                    now += step * 10_000L
                    val before = expected[user to key]?.takeIf { now < it.second + 5 * 60_000 }

                    val reply = ask(user, key)

                    if (before != null) reply shouldBe before.first else expected[user to key] = reply to now
                }
                runs shouldBe expected.values.maxOfOrNull { it.first.toInt() }.let { it ?: 0 }
            }
        }
    }

    test("a window that is none is refused") {
        for (window in listOf(Duration.ZERO, Duration.INFINITE)) {
            shouldThrow<IllegalArgumentException> { IdempotentReplies(window) }.message shouldBe
                "idempotent must be positive and finite, was $window"
        }
    }
})

private class Replies(val test: TestScope, limits: KeyLimits) {
    val server = CoroutineScope(test.backgroundScope.coroutineContext + SupervisorJob())

    /** For what may fail beside the test. */
    val aside = CoroutineScope(test.backgroundScope.coroutineContext + SupervisorJob())
    var now = 0L
    var runs = 0
    var failure: LiveException? = null
    var hold: CompletableDeferred<Unit>? = null
    var reply = { "$runs" }
    val replies = IdempotentReplies(5.minutes, limits) { now }

    suspend fun ask(user: String, ref: String, body: Body? = null): String =
        (replies.reply(user, Message("pay", ref = ref, body = body), server, ::handle) as Body.Json).text

    private suspend fun handle(): Outcome {
        runs++
        hold?.await()
        return failure?.let { Outcome(null, it) } ?: Outcome(Body.json(reply()))
    }
}

private fun withReplies(limits: KeyLimits = KeyLimits(), block: suspend Replies.() -> Unit) =
    runTest { Replies(this, limits).block() }
