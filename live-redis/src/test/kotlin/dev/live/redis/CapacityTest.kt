package dev.live.redis

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.microseconds

class CapacityTest : FunSpec({

    test("messages and bytes are bounded") {
        val capacity = Capacity(maxMessages = 2, maxBytes = 10)

        capacity.tryAcquire(8) shouldBe true
        capacity.tryAcquire(3) shouldBe false
        capacity.tryAcquire(1) shouldBe true
        capacity.tryAcquire(1) shouldBe false
        capacity.release(8)
        capacity.tryAcquire(9) shouldBe true
    }

    test("waiting callers receive places in their order, and a large one is not overtaken") {
        coroutineScope {
            val capacity = Capacity(maxMessages = 10, maxBytes = 10)
            val acquired = ArrayList<Int>()
            capacity.acquire(9)
            for (bytes in listOf(8, 1)) {
                launch(start = CoroutineStart.UNDISPATCHED) {
                    capacity.acquire(bytes)
                    acquired += bytes
                }
            }

            capacity.tryAcquire(1) shouldBe false
            capacity.release(9)
            capacity.tryAcquire(2) shouldBe false
            coroutineContext.job.children.forEach { it.join() }

            acquired shouldContainExactly listOf(8, 1)
            capacity.size shouldBe 2
        }
    }

    test("a cancelled caller makes room for the one behind it") {
        coroutineScope {
            val capacity = Capacity(maxMessages = 10, maxBytes = 10)
            capacity.acquire(5)
            val large = launch(start = CoroutineStart.UNDISPATCHED) { capacity.acquire(9) }
            val small = launch(start = CoroutineStart.UNDISPATCHED) { capacity.acquire(5) }

            large.cancelAndJoin()

            small.join()
            capacity.size shouldBe 2
        }
    }

    test("no place is lost when callers give up at the moment that they receive one") {
        val capacity = Capacity(maxMessages = 2, maxBytes = 100)

        withContext(Dispatchers.Default) {
            repeat(4) {
                launch {
                    repeat(500) {
                        if (withTimeoutOrNull(50.microseconds) { capacity.acquire(1) } != null) capacity.release(1)
                    }
                }
            }
        }

        capacity.size shouldBe 0
        capacity.tryAcquire(100) shouldBe true
    }
})
