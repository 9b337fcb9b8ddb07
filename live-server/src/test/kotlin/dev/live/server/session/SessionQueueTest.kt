@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.prepared
import dev.live.server.support.wordMessage
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
            "it takes what fits both bounds, gives it back in order, and counts what waits, " +
                if (isWoken) "for a writer that is woken" else "for a writer that waits",
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
                        val word = ('a' + number % 26).toString().repeat(size)
                        val bytes = model.sumOf { it.length }
                        val fits = model.size < capacity && (bytes == 0 || bytes + size <= maxBytes)
                        queue.offer(prepared(wordMessage(word))) shouldBe if (fits) Offer.Taken else Offer.Full
                        if (fits) model += word
                    } else if (model.isNotEmpty()) {
                        val most = size % 5 + 1
                        queue.take(most) shouldContainExactly List(minOf(most, model.size)) { model.removeFirst() }
                    }
                    queue.bytes shouldBe model.sumOf { it.length }
                }
            }
        }
    }

    test("a message larger than the bound on bytes is taken by an empty queue only") {
        val queue = queue(maxBytes = 10)

        queue.offer(word(1)) shouldBe Offer.Taken
        queue.offer(word(11)) shouldBe Offer.Full
        queue.take()
        queue.offer(word(11)) shouldBe Offer.Taken
        queue.offer(word(1)) shouldBe Offer.Full
    }

    test("answers to control frames count as messages do, and keep their opcode") {
        val queue = queue(capacity = 1)
        val pong = OutboundFrame(Opcode.Pong, ByteArray(3))

        queue.offer(pong) shouldBe Offer.Taken
        queue.offer(pong) shouldBe Offer.Full

        queue.bytes shouldBe 3
        queue.takeFrames().single() shouldBe pong
    }

    test("a batch ends with the frame that makes it 64 KiB") {
        val queue = queue(maxBytes = Int.MAX_VALUE)
        repeat(5) { queue.offer(word(30_000)) }

        queue.take(64).size shouldBe 3
        queue.take(64).size shouldBe 2
    }

    test("a sender waits for room, and its message goes to the end") {
        runTest {
            val queue = queue(capacity = 1)
            queue.offer(word(1))

            val sender = async { queue.send(word(2)) }
            runCurrent()
            sender.isCompleted shouldBe false
            queue.take() shouldBe listOf("a")
            runCurrent()

            sender.await() shouldBe true
            queue.take() shouldBe listOf("aa")
        }
    }

    test("one batch taken wakes all senders that there is room for") {
        runTest {
            val queue = queue(capacity = 4)
            repeat(4) { queue.offer(word(1)) }
            val senders = List(6) { async { queue.send(word(2)) } }
            runCurrent()

            queue.take(4)
            runCurrent()
            senders.count { it.isCompleted } shouldBe 4
            queue.take(4)
            runCurrent()

            senders.awaitAll() shouldBe List(6) { true }
        }
    }

    test("a waiting sender that is cancelled does not keep its turn from the next one") {
        runTest {
            val queue = queue(capacity = 1)
            queue.offer(word(1))
            val first = async { queue.send(word(2)) }
            val second = async { queue.send(word(3)) }
            runCurrent()

            queue.take() // signals the first
            first.cancel()
            runCurrent()

            second.await() shouldBe true
        }
    }

    test("above its bound it takes up to four times as much, for a writer that has not had its turn") {
        val queue = queue(capacity = 2, maxBytes = 10)
        repeat(2) { queue.offer(word(5)) shouldBe Offer.Taken }

        repeat(6) { queue.offerSurge(word(5)) shouldBe Offer.Taken }

        queue.offerSurge(word(0)) shouldBe Offer.Full
        queue.take(64).size shouldBe 8
        repeat(2) { queue.offer(word(5)) shouldBe Offer.Taken }
        queue.offerSurge(word(31)) shouldBe Offer.Full
        queue.offerSurge(word(30)) shouldBe Offer.Taken
    }

    test("bounds as large as numbers go hold what comes") {
        val queue = queue(capacity = Int.MAX_VALUE, maxBytes = Int.MAX_VALUE)

        repeat(1_000) { queue.offer(word(5)) shouldBe Offer.Taken }
        queue.offerSurge(word(5)) shouldBe Offer.Taken

        queue.isHalfEmpty shouldBe true
        queue.bytes shouldBe 5_005
    }

    test("who waits for what was there to be taken does not wait for what others put behind it") {
        runTest {
            val queue = queue(capacity = 4)
            repeat(4) { queue.offer(word(1)) }
            val reader = async { queue.awaitTurnover() }
            runCurrent()

            repeat(3) {
                queue.take()
                queue.offer(word(2)) shouldBe Offer.Taken
                runCurrent()
                reader.isCompleted shouldBe false
            }
            queue.take()
            queue.offer(word(2)) shouldBe Offer.Taken

            reader.await() shouldBe true
        }
    }

    test("a run is taken whole or not at all, and counts as its messages do") {
        val queue = queue(capacity = 4, maxBytes = 10, isWoken = true)

        queue.offer(run("aa", "bb")) shouldBe Offer.Taken
        queue.offer(run("c", "d", "e")) shouldBe Offer.Full // three more messages than there is room for
        queue.offer(run("cccc", "ddd")) shouldBe Offer.Full // one byte more
        queue.offer(run("ccc", "ddd")) shouldBe Offer.Taken
        queue.offer(word(0)) shouldBe Offer.Full
        queue.bytes shouldBe 10
        queue.takeFrames(64).map { it.count } shouldBe listOf(2, 2)

        queue.bytes shouldBe 0
        // not even by an empty queue: one by one, its messages may fit
        queue.offer(run("cccccc", "ddddd")) shouldBe Offer.Full
    }

    for (isWoken in listOf(false, true)) {
        for (isCancelled in listOf(false, true)) {
            test(
                (if (isCancelled) "cancelled, it drops the rest" else "closed, it gives the rest") +
                    " and takes nothing more, for a writer that " + if (isWoken) "is woken" else "waits",
            ) {
                runTest {
                    val queue = queue(capacity = 2, isWoken = isWoken)
                    repeat(2) { queue.offer(word(1)) }
                    val waiting = async { queue.send(word(2)) }
                    runCurrent()

                    if (isCancelled) queue.cancel() else queue.close()

                    waiting.await() shouldBe false
                    queue.offer(word(1)) shouldBe Offer.Closed
                    queue.send(word(1)) shouldBe false
                    if (!isCancelled) queue.take(64).size shouldBe 2
                    queue.takenFrames(1) shouldBe null
                }
            }
        }
    }

    test("closing it ends the wait of the writer") {
        runTest {
            val queue = queue()
            val writer = async { queue.take(arrayOfNulls(1)) }
            runCurrent()

            launch { queue.close() }

            writer.await() shouldBe -1
        }
    }
})
