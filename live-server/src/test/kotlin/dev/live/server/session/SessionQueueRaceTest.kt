package dev.live.server.session

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.amount
import dev.live.server.support.payload
import dev.live.server.support.prepared
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import kotlin.random.Random
import kotlin.time.Duration.Companion.minutes

/** Concurrent access to one queue. Hundreds of rounds, because a race shows only in some of them. */
class SessionQueueRaceTest : FunSpec({

    test("all messages of concurrent senders arrive, regardless of size and rejected offers")
        .config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(ROUNDS) { round ->
                    val queue = queue(capacity = 2, maxBytes = 100)
                    val senders = List(SENDERS) { sender ->
                        async {
                            List(SENT) {
                                val text = "$sender".padEnd(Random.nextInt(1, 100), '.')
                                queue.send(prepared(textMessage(text)))
                            }
                        }
                    }
                    val taken = mutableListOf<String>()
                    while (taken.size < SENDERS * SENT) taken += queue.take(1 + round % 4)

                    senders.awaitAll().flatten().all { it } shouldBe true
                    taken.map { it.trimEnd('.') } shouldContainExactlyInAnyOrder
                        List(SENDERS) { sender -> List(SENT) { "$sender" } }.flatten()
                    queue.bytes shouldBe 0
                }
            }
        }

    for (isWoken in listOf(false, true)) {
        test(
            "messages of concurrent threads keep each thread's order and all arrive before the end, " +
                if (isWoken) "for a writer with a waker" else "for a suspending writer",
        ).config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(ROUNDS) {
                    val queue = queue(capacity = 6, isWoken = isWoken)
                    val counts = List(SENDERS) { sender ->
                        async {
                            var count = 0
                            while (count < SENT) {
                                when (queue.offer(prepared(textMessage("$sender:$count")))) {
                                    OfferResult.Accepted -> count++
                                    OfferResult.Full -> yield()
                                    OfferResult.Closed -> break
                                }
                            }
                            count
                        }
                    }
                    val taken = mutableListOf<String>()
                    val end = Random.nextInt(1, SENDERS * SENT)
                    while (true) {
                        val frames = queue.takenFrames(3) ?: break
                        taken += frames.map { it.payload().decodeToString() }
                        if (taken.size >= end) queue.close()
                        if (frames.isEmpty()) yield() // so that a test over its timeout can be cancelled
                    }

                    for ((sender, count) in counts.awaitAll().withIndex()) {
                        taken.filter { it.startsWith("$sender:") } shouldContainExactly List(count) { "$sender:$it" }
                    }
                    queue.bytes shouldBe 0
                }
            }
        }
    }

    for (isWoken in listOf(false, true)) {
        test(
            "a queue that is closed during its first messages returns those that it accepted, " +
                if (isWoken) "for a writer with a waker" else "for a suspending writer",
        ).config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(FIRST_ROUNDS) { round ->
                    val queue = queue(isWoken = isWoken)
                    val start = CompletableDeferred<Unit>()
                    val senders = List(3) {
                        async {
                            start.await()
                            List(2) { queue.offer(frames[it]) }.count { it == OfferResult.Accepted }
                        }
                    }
                    val closer = launch {
                        start.await()
                        repeat(round % 100) { Thread.onSpinWait() }
                        queue.close()
                    }

                    start.complete(Unit)
                    var taken = 0
                    while (true) {
                        val frames = queue.takenFrames(2) ?: break
                        taken += frames.size
                        if (frames.isEmpty()) yield()
                    }

                    closer.join()
                    taken shouldBe senders.awaitAll().sum()
                }
            }
        }
    }

    test("messages offered during a poll keep their order").config(timeout = 5.minutes) {
        withContext(Dispatchers.Default) {
            val queue = queue(isWoken = true)
            val sender = launch {
                for (number in 0 until POLLED) {
                    while (queue.offer(frames[number % frames.size]) == OfferResult.Full) yield()
                }
            }
            var number = 0
            val batch = arrayOfNulls<OutboundFrame>(64)
            while (number < POLLED) {
                val count = queue.poll(batch)
                for (i in 0 until count) batch[i] shouldBeSameInstanceAs frames[number++ % frames.size]
                if (count == 0) yield()
            }
            sender.join()
        }
    }

    for (isLate in listOf(false, true)) {
        test(
            "a writer that polls only when woken receives all messages and the end" +
                if (isLate) ", also if it starts during sends" else "",
        ).config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(ROUNDS) {
                    val queue = queue(capacity = 3)
                    val woken = Channel<Unit>(Channel.CONFLATED)
                    if (!isLate) queue.waker = Runnable { woken.trySend(Unit) }
                    val senders = List(SENDERS) { async { List(SENT) { queue.send(messageOfSize(1)) }.count { it } } }
                    if (isLate) queue.waker = Runnable { woken.trySend(Unit) }
                    woken.trySend(Unit)

                    var taken = 0
                    writer@ for (signal in woken) {
                        while (true) {
                            val frames = queue.takenFrames(2) ?: break@writer
                            if (frames.isEmpty()) break
                            taken += frames.size
                            if (taken >= SENT) queue.close()
                        }
                    }

                    taken shouldBe senders.awaitAll().sum()
                }
            }
        }
    }
})

private val ROUNDS = amount(300, 1_000)
private val FIRST_ROUNDS = amount(3_000, 30_000)
private const val SENDERS = 6
private const val SENT = 40
private val POLLED = amount(300_000, 1_000_000)
private val frames = List(100) { OutboundFrame(Opcode.Text, byteArrayOf(it.toByte())) }
