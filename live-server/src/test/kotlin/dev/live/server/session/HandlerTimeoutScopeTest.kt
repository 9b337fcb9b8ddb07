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

    test("calls that are done in time give their results, one after the other, and leave no timer behind") {
        onLane { lane ->
            repeat(3) { round ->
                lane.call(10.seconds) {
                    delay(9.seconds)
                    round
                } shouldBe round
            }

            lane.isOpen shouldBe true
            currentTime shouldBe 27_000
        }
    }

    test("a call that takes too long is cancelled and has no result; the lane has served") {
        onLane { lane ->
            lane.call(10.seconds) { awaitCancellation() }.shouldBeNull()

            lane.isOpen shouldBe false
            currentTime shouldBe 10_000
        }
    }

    test("a call that goes on after its time has no result, and is waited for") {
        onLane { lane ->
            lane.call(10.seconds) {
                withContext(NonCancellable) { delay(12.seconds) }
                "too late"
            }.shouldBeNull()

            currentTime shouldBe 12_000
        }
    }

    test("a call that fails leaves the lane as it was") {
        onLane { lane ->
            shouldThrow<IllegalStateException> { lane.call(1.seconds) { error("at once") } }
            shouldThrow<IllegalStateException> {
                lane.call<Unit>(1.seconds) {
                    yield()
                    error("after a while")
                }
            }

            lane.call(1.seconds) { "next" } shouldBe "next"
        }
    }

    test("what cancels the caller cancels the call") {
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

    // the call can be over on another thread before its timer is set: it must not be set then
    test("a call that goes on on another thread at once leaves no timer behind") {
        withContext(Dispatchers.Default) {
            val lane = HandlerTimeoutScope(currentCoroutineContext())
            repeat(50_000) { round ->
                lane.call(1.days) {
                    yield()
                    round
                } shouldBe round
            }
            lane.close() // and this returns only if nothing is left
        }
    }

    test("a timer that runs out just when its call ends does not stop the next call") {
        withContext(Dispatchers.Default) {
            var lane = HandlerTimeoutScope(currentCoroutineContext())
            repeat(5_000) { round ->
                lane.call(20.microseconds) { delay(1.microseconds * (round % 40)) }
                if (!lane.isOpen) lane = HandlerTimeoutScope(currentCoroutineContext())
                lane.call(1.days) {
                    repeat(3) { yield() }
                    round
                } shouldBe round
            }
            lane.close()
        }
    }
})

private fun onLane(block: suspend TestScope.(HandlerTimeoutScope) -> Unit) =
    runTest {
        coroutineScope {
            val lane = HandlerTimeoutScope(coroutineContext)
            block(lane)
            lane.close()
        }
    }
