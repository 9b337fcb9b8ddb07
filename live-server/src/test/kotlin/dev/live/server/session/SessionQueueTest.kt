@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.prepared
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.boolean
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.pair
import io.kotest.property.checkAll
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

class SessionQueueTest : FunSpec({

    for (isWoken in listOf(false, true)) {
        test(
            "the queue accepts messages within both bounds, returns them in order and counts them, " +
                if (isWoken) "for a writer with a waker" else "for a suspending writer",
        ) {
            checkAll(Arb.int(1..8), Arb.int(1..60), Arb.list(Arb.pair(Arb.boolean(), Arb.int(0..40)), 0..80)) {
                capacity,
                maxBytes,
                steps,
                ->
                val queue = queue(capacity, maxBytes, isWoken)
                val model = ArrayDeque<String>()

                for ((number, step) in steps.withIndex()) {
                    val (isOffer, size) = step
                    if (isOffer) {
                        val text = ('a' + number % 26).toString().repeat(size)
                        val bytes = model.sumOf { it.length }
                        val fits = model.size < capacity && (bytes == 0 || bytes + size <= maxBytes)
                        val expected = if (fits) OfferResult.Accepted else OfferResult.Full
                        queue.offer(prepared(textMessage(text))) shouldBe expected
                        if (fits) model += text
                    } else if (model.isNotEmpty()) {
                        val most = size % 5 + 1
                        queue.take(most) shouldContainExactly List(minOf(most, model.size)) { model.removeFirst() }
                    }
                    queue.bytes shouldBe model.sumOf { it.length }
                }
            }
        }
    }

    test("only an empty queue accepts a message larger than the byte bound") {
        val queue = queue(maxBytes = 10)

        queue.offer(messageOfSize(1)) shouldBe OfferResult.Accepted
        queue.offer(messageOfSize(11)) shouldBe OfferResult.Full
        queue.take()
        queue.offer(messageOfSize(11)) shouldBe OfferResult.Accepted
        queue.offer(messageOfSize(1)) shouldBe OfferResult.Full
    }

    test("pongs count as messages and keep their opcode") {
        val queue = queue(capacity = 1)
        val pong = OutboundFrame(Opcode.Pong, ByteArray(3))

        queue.offer(pong) shouldBe OfferResult.Accepted
        queue.offer(pong) shouldBe OfferResult.Full

        queue.bytes shouldBe 3
        queue.takeFrames().single() shouldBe pong
    }

    test("a batch ends with the frame that reaches 64 KiB") {
        val queue = queue(maxBytes = Int.MAX_VALUE)
        repeat(5) { queue.offer(messageOfSize(30_000)) }

        queue.take(64).size shouldBe 3
        queue.take(64).size shouldBe 2
    }

    test("send suspends until there is space, and its message is queued last") {
        runTest {
            val queue = queue(capacity = 1)
            queue.offer(messageOfSize(1))

            val sender = async { queue.send(messageOfSize(2)) }
            runCurrent()
            sender.isCompleted shouldBe false
            queue.take() shouldBe listOf("a")
            runCurrent()

            sender.await() shouldBe true
            queue.take() shouldBe listOf("aa")
        }
    }

    test("one take resumes as many senders as there is space for") {
        runTest {
            val queue = queue(capacity = 4)
            repeat(4) { queue.offer(messageOfSize(1)) }
            val senders = List(6) { async { queue.send(messageOfSize(2)) } }
            runCurrent()

            queue.take(4)
            runCurrent()
            senders.count { it.isCompleted } shouldBe 4
            queue.take(4)
            runCurrent()

            senders.awaitAll() shouldBe List(6) { true }
        }
    }

    test("a cancelled sender does not block the next one") {
        runTest {
            val queue = queue(capacity = 1)
            queue.offer(messageOfSize(1))
            val first = async { queue.send(messageOfSize(2)) }
            val second = async { queue.send(messageOfSize(3)) }
            runCurrent()

            queue.take() // signals the first
            first.cancel()
            runCurrent()

            second.await() shouldBe true
        }
    }

    test("a burst is accepted up to four times the bound, until the writer has run") {
        val queue = queue(capacity = 2, maxBytes = 10)
        repeat(2) { queue.offer(messageOfSize(5)) shouldBe OfferResult.Accepted }

        repeat(6) { queue.offer(messageOfSize(5), isBurst = true) shouldBe OfferResult.Accepted }

        queue.offer(messageOfSize(0), isBurst = true) shouldBe OfferResult.Full
        queue.take(64).size shouldBe 8
        repeat(2) { queue.offer(messageOfSize(5)) shouldBe OfferResult.Accepted }
        queue.offer(messageOfSize(31), isBurst = true) shouldBe OfferResult.Full
        queue.offer(messageOfSize(30), isBurst = true) shouldBe OfferResult.Accepted
    }

    test("bounds of Int.MAX_VALUE do not overflow") {
        val queue = queue(capacity = Int.MAX_VALUE, maxBytes = Int.MAX_VALUE)

        repeat(1_000) { queue.offer(messageOfSize(5)) shouldBe OfferResult.Accepted }
        queue.offer(messageOfSize(5), isBurst = true) shouldBe OfferResult.Accepted

        queue.isHalfEmpty shouldBe true
        queue.bytes shouldBe 5_005
    }

    test("awaitHalfEmptyOrWritten waits for the messages present, not for later ones") {
        runTest {
            val queue = queue(capacity = 4)
            repeat(4) { queue.offer(messageOfSize(1)) }
            val reader = async { queue.awaitHalfEmptyOrWritten() }
            runCurrent()

            repeat(3) {
                queue.take()
                queue.offer(messageOfSize(2)) shouldBe OfferResult.Accepted
                runCurrent()
                reader.isCompleted shouldBe false
            }
            queue.take()
            queue.offer(messageOfSize(2)) shouldBe OfferResult.Accepted

            reader.await() shouldBe true
        }
    }

    test("a batch is accepted completely or not at all, and counts as its messages") {
        val queue = queue(capacity = 4, maxBytes = 10, isWoken = true)

        queue.offer(batchOf("aa", "bb")) shouldBe OfferResult.Accepted
        queue.offer(batchOf("c", "d", "e")) shouldBe OfferResult.Full // three messages do not fit
        queue.offer(batchOf("cccc", "ddd")) shouldBe OfferResult.Full // one byte too many
        queue.offer(batchOf("ccc", "ddd")) shouldBe OfferResult.Accepted
        queue.offer(messageOfSize(0)) shouldBe OfferResult.Full
        queue.bytes shouldBe 10
        queue.takeFrames(64).map { it.count } shouldBe listOf(2, 2)

        queue.bytes shouldBe 0
        // rejected even by an empty queue: the messages may fit one by one
        queue.offer(batchOf("cccccc", "ddddd")) shouldBe OfferResult.Full
    }

    for (isWoken in listOf(false, true)) {
        for (isCancelled in listOf(false, true)) {
            test(
                (if (isCancelled) "a cancelled queue drops its messages" else "a closed queue returns its messages") +
                    " and accepts no more, for a " + if (isWoken) "writer with a waker" else "suspending writer",
            ) {
                runTest {
                    val queue = queue(capacity = 2, isWoken = isWoken)
                    repeat(2) { queue.offer(messageOfSize(1)) }
                    val waiting = async { queue.send(messageOfSize(2)) }
                    runCurrent()

                    if (isCancelled) queue.cancel() else queue.close()

                    waiting.await() shouldBe false
                    queue.offer(messageOfSize(1)) shouldBe OfferResult.Closed
                    queue.send(messageOfSize(1)) shouldBe false
                    if (!isCancelled) queue.take(64).size shouldBe 2
                    queue.takenFrames(1) shouldBe null
                }
            }
        }
    }

    for (isWoken in listOf(false, true)) {
        for (isCancelled in listOf(false, true)) {
            test(
                "a queue ${if (isCancelled) "cancelled" else "closed"} before its first message accepts none, for a " +
                    if (isWoken) "writer with a waker" else "suspending writer",
            ) {
                val queue = queue(isWoken = isWoken)

                if (isCancelled) queue.cancel() else queue.close()

                queue.offer(messageOfSize(1)) shouldBe OfferResult.Closed
                queue.takenFrames(1) shouldBe null
            }
        }
    }

    test("close resumes a suspended writer") {
        runTest {
            val queue = queue()
            val writer = async { queue.take(arrayOfNulls(1)) }
            runCurrent()

            launch { queue.close() }

            writer.await() shouldBe -1
        }
    }
})
