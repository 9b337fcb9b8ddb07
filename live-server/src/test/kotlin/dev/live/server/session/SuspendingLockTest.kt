@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.yield

class SuspendingLockTest : FunSpec({

    test("only one coroutine holds the lock, on any number of threads") {
        val lock = lock()
        var inside = 0
        var most = 0
        var turns = 0

        coroutineScope {
            repeat(16) {
                launch(Dispatchers.Default) {
                    repeat(2_000) { round ->
                        lock.withLock {
                            most = maxOf(most, ++inside)
                            if (round % 3 == 0) yield()
                            inside--
                            turns++
                        }
                    }
                }
            }
        }

        most shouldBe 1
        turns shouldBe 32_000
    }

    test("failure and cancellation release the lock, and a cancelled waiter blocks no other") {
        runTest {
            val lock = lock()
            val seen = mutableListOf<String>()
            shouldThrow<IllegalStateException> { lock.withLock { error("failed") } }
            val first = launch { lock.withLock { CompletableDeferred<Unit>().await() } }
            runCurrent()
            val second = launch { lock.withLock { seen += "second" } }
            launch { lock.withLock { seen += "third" } }
            runCurrent()
            seen.size shouldBe 0

            second.cancelAndJoin()
            first.cancelAndJoin()
            runCurrent()

            seen shouldContainExactly listOf("third")
        }
    }
})

private fun lock() = object : SuspendingLock() {}
