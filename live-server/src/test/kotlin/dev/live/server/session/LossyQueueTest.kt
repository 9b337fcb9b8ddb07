package dev.live.server.session

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.observe.LiveObserver
import dev.live.server.observe.ServerCounters
import dev.live.server.support.payload
import dev.live.server.support.prepared
import dev.live.server.support.textMessage
import dev.live.server.topic.DropCounters
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.booleans.shouldBeTrue
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import kotlin.time.Duration.Companion.minutes

/** The part of a session queue for topics with lossy delivery. */
class LossyQueueTest : FunSpec({

    for (isWoken in listOf(true, false)) {
        val writer = if (isWoken) "that is woken by a callback" else "that suspends"

        test("the newest message per key is returned, never before messages offered earlier, for a writer $writer") {
            checkAll(Arb.list(Arb.int(0..5), 0..60)) { steps ->
                val queue = queue(isWoken = isWoken)
                val part = LossyQueue.TopicEntries(DropCounters())
                val newest = HashMap<String, Int>()
                val before = HashMap<String, Int>() // main messages offered before the first pending one of the key
                var offered = 0
                var taken = 0

                suspend fun takeAll() {
                    while (offered > taken || newest.isNotEmpty()) {
                        for (text in queue.take(4)) {
                            if (text.startsWith("m")) {
                                text shouldBe "m${taken++}"
                            } else {
                                val (key, number) = text.split(':')
                                number.toInt() shouldBe newest.remove(key)
                                (taken >= before.remove(key)!!).shouldBeTrue()
                            }
                        }
                    }
                }
                for ((number, step) in steps.withIndex()) {
                    when (step) {
                        0, 1 -> queue.offer(prepared(textMessage("m${offered++}"))) shouldBe OfferResult.Accepted
                        5 -> takeAll()
                        else -> {
                            val key = "k$step"
                            queue.offerLossy(part, key, prepared(textMessage("$key:$number")), limit = 3).shouldBeTrue()
                            newest[key] = number
                            before.putIfAbsent(key, offered)
                        }
                    }
                }
                takeAll()

                part.keys.size shouldBe 0
            }
        }

        test("no key's last value from concurrent threads is lost, for a writer $writer").config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(300) {
                    val queue = queue(isWoken = isWoken)
                    val part = LossyQueue.TopicEntries(DropCounters())
                    val seen = HashMap<String, Int>()
                    val reader = launch {
                        while (seen.size < 3 || seen.values.any { it < LAST }) {
                            for (text in queue.take(8)) {
                                if (text != "main") seen[text.substringBefore(':')] = text.substringAfter(':').toInt()
                            }
                            if (isWoken) yield()
                        }
                    }
                    val others = async {
                        repeat(LAST) {
                            while (queue.offer(prepared(textMessage("main"))) ==
                                OfferResult.Full
                            ) {
                                yield()
                            }
                        }
                    }
                    repeat(3) { key ->
                        launch {
                            for (i in 0..LAST) {
                                queue.offerLossy(part, "$key", prepared(textMessage("$key:$i")), limit = 3)
                            }
                        }
                    }
                    reader.join() // suspends forever if a value is lost
                    others.cancel()
                }
            }
        }
    }

    test("the oldest message is dropped above the message limit or the byte limit") {
        runTest {
            val queue = queue(maxBytes = 10, isWoken = true)
            val drops = DropCounters()
            val part = LossyQueue.TopicEntries(drops)

            for (text in listOf("a", "b", "c")) queue.offerLossy(part, text, prepared(textMessage(text)), limit = 2)
            queue.offerLossy(LossyQueue.TopicEntries(drops), "x", prepared(textMessage("xxxxxxxxx")), limit = 2)

            queue.take(8) shouldContainExactly listOf("c", "xxxxxxxxx")
            drops.snapshot().dropped shouldBe 2
        }
    }

    test("a replacement over the byte limit is kept, and older messages are dropped") {
        runTest {
            val queue = queue(maxBytes = 10, isWoken = true)
            val part = LossyQueue.TopicEntries(DropCounters())

            queue.offerLossy(part, "a", prepared(textMessage("a")), limit = 8)
            queue.offerLossy(part, "b", prepared(textMessage("bbbbbbbb")), limit = 8)
            queue.offerLossy(part, "a", prepared(textMessage("aaa")), limit = 8)

            queue.take(8) shouldContainExactly listOf("aaa")
        }
    }

    test("the observer is notified of drops outside the lock, so the writer never waits for it") {
        val queue = LossyQueue(maxBytes = 3)
        val events = ArrayList<String>()
        val observer =
            object : LiveObserver {
                override fun dropped(policy: String, messages: Int) {
                    events += "$messages by $policy${if (Thread.holdsLock(queue)) " under the lock" else ""}"
                }
            }
        val drops = DropCounters(ServerCounters(observer))
        val part = LossyQueue.TopicEntries(drops)
        val other = LossyQueue.TopicEntries(drops)

        fun put(part: LossyQueue.TopicEntries, key: String, text: String) =
            queue.put(part, key, prepared(textMessage(text)).frameFor(0), barrier = 0, limit = 2)
        put(part, "a", "a")
        put(part, "a", "b")
        put(part, "b", "c")
        put(part, "c", "d")
        put(other, "a", "efg")

        events shouldContainExactly listOf("1 by conflate", "1 by dropOldest", "2 by dropOldest")
        drops.snapshot().run { conflated to dropped } shouldBe (1L to 3L)
    }

    test("with history a replacement moves behind pending messages, so offsets only increase") {
        checkAll(Arb.list(Arb.int(0..4), 0..60)) { steps ->
            val queue = queue(isWoken = true)
            val part = LossyQueue.TopicEntries(DropCounters())
            val taken = ArrayList<Int>()

            for ((number, step) in steps.withIndex()) {
                when (step) {
                    0 -> queue.offer(prepared(textMessage("main")))
                    1 -> taken += queue.take(2).numbers()
                    else -> queue.offerLossy(part, "k$step", prepared(withOffset(number)), limit = 3)
                }
            }
            queue.close()
            while (true) taken += queue.takenFrames(8)?.map { it.payload().decodeToString() }?.numbers() ?: break

            taken shouldContainExactly taken.sorted()
        }
    }

    test("forget discards a part, close delivers pending messages, cancel discards them") {
        runTest {
            val queue = queue(isWoken = true)
            val left = LossyQueue.TopicEntries(DropCounters())
            val other = LossyQueue.TopicEntries(DropCounters())
            queue.offerLossy(left, "a", prepared(textMessage("a")), limit = 2)
            queue.offerLossy(other, "b", prepared(textMessage("b")), limit = 2)

            queue.removeLossy(left)
            queue.close()

            queue.offerLossy(other, "c", prepared(textMessage("c")), limit = 2) shouldBe false
            queue.take(8) shouldContainExactly listOf("b")
            queue.takenFrames(8) shouldBe null

            val cancelled = queue(isWoken = true)
            cancelled.offerLossy(other, "b", prepared(textMessage("b")), limit = 2)
            cancelled.cancel()
            cancelled.takenFrames(8) shouldBe null
        }
    }
})

private fun withOffset(number: Int): Message =
    Message(MessageType.MESSAGE, body = textMessage("$number").body, offset = number.toLong())

private fun List<String>.numbers(): List<Int> = mapNotNull { it.toIntOrNull() }

private const val LAST = 50
