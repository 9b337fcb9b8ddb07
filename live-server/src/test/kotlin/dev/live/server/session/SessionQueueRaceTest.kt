package dev.live.server.session

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.payload
import dev.live.server.support.prepared
import dev.live.server.support.wordMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
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

/** Many threads at one queue: thousands of rounds, because each of them is a race. */
class SessionQueueRaceTest : FunSpec({

    test("of many senders on many threads all get through, whatever the sizes and however others are refused")
        .config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(ROUNDS) { round ->
                    val queue = queue(capacity = 2, maxBytes = 100)
                    val senders = List(SENDERS) { who ->
                        async {
                            List(SENT) { queue.send(prepared(wordMessage("$who".padEnd(Random.nextInt(1, 100), '.')))) }
                        }
                    }
                    val taken = mutableListOf<String>()
                    while (taken.size < SENDERS * SENT) taken += queue.take(1 + round % 4)

                    senders.awaitAll().flatten().all { it } shouldBe true
                    taken.map { it.trimEnd('.') } shouldContainExactlyInAnyOrder
                        List(SENDERS) { who -> List(SENT) { "$who" } }.flatten()
                    queue.bytes shouldBe 0
                }
            }
        }

    for (isWoken in listOf(false, true)) {
        test(
            "what each of many threads offered comes out in its order, and all of it before the end, " +
                if (isWoken) "for a writer that is woken" else "for a writer that waits",
        ).config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(ROUNDS) {
                    val queue = queue(capacity = 6, isWoken = isWoken)
                    val counts = List(SENDERS) { who ->
                        async {
                            var count = 0
                            while (count < SENT) {
                                when (queue.offer(prepared(wordMessage("$who:$count")))) {
                                    Offer.Taken -> count++
                                    Offer.Full -> yield()
                                    Offer.Closed -> break
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
                        if (frames.isEmpty()) yield() // or a test that takes too long would not end
                    }

                    for ((who, count) in counts.awaitAll().withIndex()) {
                        taken.filter { it.startsWith("$who:") } shouldContainExactly List(count) { "$who:$it" }
                    }
                    queue.bytes shouldBe 0
                }
            }
        }
    }

    test("what comes in while the writer looks for it keeps its order").config(timeout = 5.minutes) {
        withContext(Dispatchers.Default) {
            val queue = queue(isWoken = true)
            val sender = launch {
                for (number in 0 until HURRIED) while (queue.offer(frames[number % frames.size]) == Offer.Full) yield()
            }
            var number = 0
            val batch = arrayOfNulls<OutboundFrame>(64)
            while (number < HURRIED) {
                val count = queue.poll(batch)
                for (i in 0 until count) batch[i] shouldBeSameInstanceAs frames[number++ % frames.size]
                if (count == 0) yield()
            }
            sender.join()
        }
    }

    for (isLate in listOf(false, true)) {
        test(
            "a writer that looks only when it is woken gets everything, and the end" +
                if (isLate) ", also if it begins while others send" else "",
        ).config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(ROUNDS) {
                    val queue = queue(capacity = 3)
                    val woken = Channel<Unit>(Channel.CONFLATED)
                    if (!isLate) queue.waker = Runnable { woken.trySend(Unit) }
                    val senders = List(SENDERS) { async { List(SENT) { queue.send(word(1)) }.count { it } } }
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

private const val ROUNDS = 1_000
private const val SENDERS = 6
private const val SENT = 40
private const val HURRIED = 1_000_000
private val frames = List(100) { OutboundFrame(Opcode.Text, byteArrayOf(it.toByte())) }
