package dev.live.client.topic

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import java.util.concurrent.atomic.AtomicInteger

@OptIn(ExperimentalCoroutinesApi::class)
class OutboxCapacityTest : FunSpec({

    test("the capacity is limited in messages and in bytes") {
        val capacity = OutboxCapacity(messages = 3, bytes = 10)

        listOf(4, 4, 4, 2, 0).map { capacity.tryAcquire(it) } shouldContainExactly
            listOf(true, true, false, true, false)
        capacity.release(4)
        capacity.tryAcquire(5) shouldBe false
        capacity.tryAcquire(4) shouldBe true
    }

    test("a single message of any size fits into an empty outbox") {
        val capacity = OutboxCapacity(messages = 3, bytes = 10)

        capacity.tryAcquire(100) shouldBe true
        capacity.tryAcquire(0) shouldBe false
        capacity.release(100)
        capacity.tryAcquire(10) shouldBe true
    }

    test("waiters get free space in FIFO order") {
        runTest {
            val capacity = OutboxCapacity(messages = 1, bytes = 10)
            val order = mutableListOf<String>()
            capacity.tryAcquire(1)
            for (name in listOf("a", "b")) {
                launch {
                    capacity.acquire(1)
                    order += name
                }
            }
            runCurrent()

            capacity.release(1)
            capacity.tryAcquire(1) shouldBe false // "a" owns it, but has not run yet
            runCurrent()
            order shouldContainExactly listOf("a")
            capacity.release(1)
            runCurrent()

            order shouldContainExactly listOf("a", "b")
        }
    }

    test("a cancelled waiter takes no space") {
        runTest {
            val capacity = OutboxCapacity(messages = 1, bytes = 10)
            capacity.tryAcquire(1)
            val cancelled = launch { capacity.acquire(1) }
            runCurrent()

            cancelled.cancel()
            runCurrent()
            capacity.release(1)

            capacity.tryAcquire(1) shouldBe true
        }
    }

    test("concurrent threads never exceed the capacity") {
        val capacity = OutboxCapacity(messages = 4, bytes = 100)
        val inside = AtomicInteger()
        val maximum = AtomicInteger()
        withContext(Dispatchers.Default) {
            List(16) {
                launch {
                    repeat(500) {
                        capacity.acquire(30)
                        maximum.accumulateAndGet(inside.incrementAndGet(), ::maxOf)
                        inside.decrementAndGet()
                        capacity.release(30)
                    }
                }
            }.joinAll()
        }

        maximum.get() shouldBeLessThanOrEqual 3
        capacity.tryAcquire(100) shouldBe true
    }
})
