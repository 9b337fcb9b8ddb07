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
class OutboxRoomTest : FunSpec({

    test("the capacity is limited in messages and in bytes") {
        val room = OutboxRoom(messages = 3, bytes = 10)

        listOf(4, 4, 4, 2, 0).map { room.tryTake(it) } shouldContainExactly listOf(true, true, false, true, false)
        room.giveBack(4)
        room.tryTake(5) shouldBe false
        room.tryTake(4) shouldBe true
    }

    test("a single message of any size fits into an empty outbox") {
        val room = OutboxRoom(messages = 3, bytes = 10)

        room.tryTake(100) shouldBe true
        room.tryTake(0) shouldBe false
        room.giveBack(100)
        room.tryTake(10) shouldBe true
    }

    test("waiters get free space in FIFO order") {
        runTest {
            val room = OutboxRoom(messages = 1, bytes = 10)
            val order = mutableListOf<String>()
            room.tryTake(1)
            for (name in listOf("a", "b")) {
                launch {
                    room.take(1)
                    order += name
                }
            }
            runCurrent()

            room.giveBack(1)
            room.tryTake(1) shouldBe false // "a" owns it, but has not run yet
            runCurrent()
            order shouldContainExactly listOf("a")
            room.giveBack(1)
            runCurrent()

            order shouldContainExactly listOf("a", "b")
        }
    }

    test("a cancelled waiter takes no space") {
        runTest {
            val room = OutboxRoom(messages = 1, bytes = 10)
            room.tryTake(1)
            val cancelled = launch { room.take(1) }
            runCurrent()

            cancelled.cancel()
            runCurrent()
            room.giveBack(1)

            room.tryTake(1) shouldBe true
        }
    }

    test("concurrent threads never exceed the capacity") {
        val room = OutboxRoom(messages = 4, bytes = 100)
        val inside = AtomicInteger()
        val maximum = AtomicInteger()
        withContext(Dispatchers.Default) {
            List(16) {
                launch {
                    repeat(500) {
                        room.take(30)
                        maximum.accumulateAndGet(inside.incrementAndGet(), ::maxOf)
                        inside.decrementAndGet()
                        room.giveBack(30)
                    }
                }
            }.joinAll()
        }

        maximum.get() shouldBeLessThanOrEqual 3
        room.tryTake(100) shouldBe true
    }
})
