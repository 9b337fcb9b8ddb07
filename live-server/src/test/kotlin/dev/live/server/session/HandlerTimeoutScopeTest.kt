package dev.live.server.session

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.seconds

@OptIn(ExperimentalCoroutinesApi::class)
class HandlerTimeoutScopeTest : FunSpec({

    test("calls within the timeout return their results and leave no timer") {
        withScope { scope ->
            repeat(3) { round ->
                scope.call(10.seconds) {
                    delay(9.seconds)
                    round
                } shouldBe round
            }

            scope.isOpen shouldBe true
            currentTime shouldBe 27_000
        }
    }

    test("a call over the timeout is cancelled and returns null, and the scope is closed") {
        withScope { scope ->
            scope.call(10.seconds) { awaitCancellation() }.shouldBeNull()

            scope.isOpen shouldBe false
            currentTime shouldBe 10_000
        }
    }

    test("a call that ignores cancellation returns null after it ends") {
        withScope { scope ->
            scope.call(10.seconds) {
                withContext(NonCancellable) { delay(12.seconds) }
                "too late"
            }.shouldBeNull()

            currentTime shouldBe 12_000
        }
    }

    test("a failing call leaves the scope usable") {
        withScope { scope ->
            shouldThrow<IllegalStateException> { scope.call(1.seconds) { error("at once") } }
            shouldThrow<IllegalStateException> {
                scope.call<Unit>(1.seconds) {
                    yield()
                    error("after a while")
                }
            }

            scope.call(1.seconds) { "next" } shouldBe "next"
        }
    }

    test("cancelling the caller cancels the call") {
        runTest {
            var isStopped = false
            val caller = launch {
                HandlerTimeoutScope(currentCoroutineContext()).call<Unit>(1.days) {
                    try {
                        awaitCancellation()
                    } catch (e: CancellationException) {
                        isStopped = true
                        throw e
                    }
                }
            }
            runCurrent()

            caller.cancel()
            caller.join()

            isStopped shouldBe true
            currentTime shouldBe 0
        }
    }

    // a call can end on another thread before its timer is set; the timer must not be set then
    test("a call that resumes on another thread at once leaves no timer") {
        withContext(Dispatchers.Default) {
            val scope = HandlerTimeoutScope(currentCoroutineContext())
            repeat(50_000) { round ->
                scope.call(1.days) {
                    yield()
                    round
                } shouldBe round
            }
            scope.close() // returns only if no timer is left
        }
    }

    test("a timer that fires as its call ends does not cancel the next call") {
        withContext(Dispatchers.Default) {
            var scope = HandlerTimeoutScope(currentCoroutineContext())
            repeat(5_000) { round ->
                scope.call(20.microseconds) { delay(1.microseconds * (round % 40)) }
                if (!scope.isOpen) scope = HandlerTimeoutScope(currentCoroutineContext())
                scope.call(1.days) {
                    repeat(3) { yield() }
                    round
                } shouldBe round
            }
            scope.close()
        }
    }
})

private fun withScope(block: suspend TestScope.(HandlerTimeoutScope) -> Unit) =
    runTest {
        coroutineScope {
            val scope = HandlerTimeoutScope(coroutineContext)
            block(scope)
            scope.close()
        }
    }
