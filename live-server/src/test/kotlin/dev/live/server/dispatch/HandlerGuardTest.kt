@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.dispatch

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.server.session.SessionRuntime
import dev.live.server.support.TestTopics
import dev.live.server.support.sessionSettings
import dev.live.server.support.testSession
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldMatch
import io.kotest.matchers.types.shouldBeSameInstanceAs
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds

class HandlerGuardTest : FunSpec({

    test("a successful handler returns no error") {
        runTest { guard.run("x") {}.shouldBeNull() }
    }

    test("a LiveException of the handler is returned unchanged") {
        runTest {
            val rejection = LiveException(ErrorCode.Forbidden, "not you", retryAfter = 3.seconds)

            guard.run("x") { throw rejection }.shouldNotBeNull() shouldBeSameInstanceAs rejection
        }
    }

    test("any other failure is returned as internal with only a log id") {
        runTest {
            for (failure in listOf(
                IllegalStateException("secret"),
                AssertionError("secret"),
                NoClassDefFoundError("secret"),
            )) {
                val answer = guard.run("x") { throw failure }.shouldNotBeNull()

                answer.code shouldBe ErrorCode.Internal
                answer.reason shouldMatch Regex("internal error, log id [0-9a-f]{8}")
                answer.cause.shouldBeNull()
            }
        }
    }

    test("a handler over the timeout is cancelled, and the result is timeout") {
        runTest {
            var isStopped = false

            val answer = guard.run("x") {
                try {
                    awaitCancellation()
                } finally {
                    isStopped = true
                }
            }.shouldNotBeNull()

            answer.code shouldBe ErrorCode.Timeout
            answer.reason shouldBe "the handler took longer than 30s"
            isStopped shouldBe true
            currentTime shouldBe 30_000
        }
    }

    test("a timeout inside the handler is a failure of the handler") {
        runTest {
            val answer = guard.run("x") { withTimeout(1.seconds) { awaitCancellation() } }.shouldNotBeNull()

            answer.code shouldBe ErrorCode.Internal
            currentTime shouldBe 1_000
        }
    }

    test("awaiting a cancelled Deferred is a failure of the handler") {
        runTest {
            val cancelled = CompletableDeferred<Unit>().apply { cancel() }

            guard.run("x") { cancelled.await() }.shouldNotBeNull().code shouldBe ErrorCode.Internal
        }
    }

    test("the end of the session is not a failure of the handler") {
        runTest {
            var answer: LiveException? = null
            val session = launch { answer = guard.run("x") { awaitCancellation() } }
            runCurrent()

            session.cancel()
            session.join()

            answer.shouldBeNull()
        }
    }

    test("a handler that fails because the session ends returns no error") {
        runTest {
            val session = launch {
                shouldThrow<CancellationException> {
                    guard.run("x") {
                        try {
                            awaitCancellation()
                        } finally {
                            error("failed while it was cancelled")
                        }
                    }
                }
                throw CancellationException("expected")
            }
            runCurrent()

            session.cancel()
            session.join()

            session.isCancelled shouldBe true
        }
    }

    test("a timeout of the caller is thrown, not returned") {
        runTest {
            shouldThrow<TimeoutCancellationException> {
                withTimeout(1.seconds) { guard.run("x") { awaitCancellation() } }
            }

            currentTime shouldBe 1_000
        }
    }

    test("a nested handler shares the timeout of the outer call and returns the same error") {
        runTest {
            val dispatcher = StandardTestDispatcher(testScheduler)
            val outer = HandlerGuard(timeout = 30.seconds, dispatcher)
            val inner = HandlerGuard(timeout = 30.seconds, dispatcher, isNested = true)
            val topics = TestTopics(backgroundScope).registry
            val session =
                testSession(SessionRuntime(sessionSettings(), topics, slot = 0) { currentTime }, backgroundScope)

            val answer =
                outer.isolate("x") {
                    outer.callHandler(session) { inner.callHandler(session) { delay(1.hours) } }
                }.shouldNotBeNull()

            answer.code shouldBe ErrorCode.Timeout
            currentTime shouldBe 30_000
        }
    }
})

private val guard = HandlerGuard(timeout = 30.seconds)
