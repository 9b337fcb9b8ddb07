package dev.live.server.session

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.observe.LiveObserver
import dev.live.server.observe.ServerCounters
import dev.live.server.support.payload
import dev.live.server.support.prepared
import dev.live.server.support.wordMessage
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

/** What a session's queue keeps of topics that may lose messages. */
class LossyQueueTest : FunSpec({

    for (isWoken in listOf(true, false)) {
        val writer = if (isWoken) "that is woken" else "that waits"

        test("the newest of each key comes out, never before what was offered before it, for a writer $writer") {
            checkAll(Arb.list(Arb.int(0..5), 0..60)) { steps ->
                val queue = queue(isWoken = isWoken)
                val part = LossyQueue.Part(DropCounters())
                val newest = HashMap<String, Int>()
                val before = HashMap<String, Int>() // main messages that were offered before the key's first that waits
                var offered = 0
                var taken = 0

                suspend fun takeAll() {
                    while (offered > taken || newest.isNotEmpty()) {
                        for (word in queue.take(4)) {
                            if (word.startsWith("m")) {
                                word shouldBe "m${taken++}"
                            } else {
                                val (key, number) = word.split(':')
                                number.toInt() shouldBe newest.remove(key)
                                (taken >= before.remove(key)!!).shouldBeTrue()
                            }
                        }
                    }
                }
                for ((number, step) in steps.withIndex()) {
                    when (step) {
                        0, 1 -> queue.offer(prepared(wordMessage("m${offered++}"))) shouldBe Offer.Taken
                        5 -> takeAll()
                        else -> {
                            val key = "k$step"
                            queue.keep(part, key, prepared(wordMessage("$key:$number")), limit = 3).shouldBeTrue()
                            newest[key] = number
                            before.putIfAbsent(key, offered)
                        }
                    }
                }
                takeAll()

                part.keys.size shouldBe 0
            }
        }

        test("of many threads' values none is missed for good, for a writer $writer").config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                repeat(300) {
                    val queue = queue(isWoken = isWoken)
                    val part = LossyQueue.Part(DropCounters())
                    val seen = HashMap<String, Int>()
                    val reader = launch {
                        while (seen.size < 3 || seen.values.any { it < LAST }) {
                            for (word in queue.take(8)) {
                                if (word != "main") seen[word.substringBefore(':')] = word.substringAfter(':').toInt()
                            }
                            if (isWoken) yield()
                        }
                    }
                    val others = async {
                        repeat(LAST) {
                            while (queue.offer(prepared(wordMessage("main"))) ==
                                Offer.Full
                            ) {
                                yield()
                            }
                        }
                    }
                    repeat(3) { who ->
                        launch {
                            for (i in 0..LAST) queue.keep(part, "$who", prepared(wordMessage("$who:$i")), limit = 3)
                        }
                    }
                    reader.join() // or it waits for ever
                    others.cancel()
                }
            }
        }
    }

    test("the oldest makes way for more than the limit, and for more bytes than may wait") {
        runTest {
            val queue = queue(maxBytes = 10, isWoken = true)
            val drops = DropCounters()
            val part = LossyQueue.Part(drops)

            for (word in listOf("a", "b", "c")) queue.keep(part, word, prepared(wordMessage(word)), limit = 2)
            queue.keep(LossyQueue.Part(drops), "x", prepared(wordMessage("xxxxxxxxx")), limit = 2)

            queue.take(8) shouldContainExactly listOf("c", "xxxxxxxxx")
            drops.snapshot().dropped shouldBe 2
        }
    }

    test("what has just come stays where it replaces the oldest and is too much: what is older makes way") {
        runTest {
            val queue = queue(maxBytes = 10, isWoken = true)
            val part = LossyQueue.Part(DropCounters())

            queue.keep(part, "a", prepared(wordMessage("a")), limit = 8)
            queue.keep(part, "b", prepared(wordMessage("bbbbbbbb")), limit = 8)
            queue.keep(part, "a", prepared(wordMessage("aaa")), limit = 8)

            queue.take(8) shouldContainExactly listOf("aaa")
        }
    }

    test("an observer is told of what is lost when the queue is nobody's any more: its writer never waits for one") {
        val queue = LossyQueue(maxBytes = 3)
        val heard = ArrayList<String>()
        val observer =
            object : LiveObserver {
                override fun dropped(policy: String, messages: Int) {
                    heard += "$messages by $policy${if (Thread.holdsLock(queue)) " under the lock" else ""}"
                }
            }
        val drops = DropCounters(ServerCounters(observer))
        val part = LossyQueue.Part(drops)
        val other = LossyQueue.Part(drops)

        fun put(part: LossyQueue.Part, key: String, word: String) =
            queue.put(part, key, prepared(wordMessage(word)).frameFor(0), after = 0, limit = 2)
        put(part, "a", "a")
        put(part, "a", "b")
        put(part, "b", "c")
        put(part, "c", "d")
        put(other, "a", "efg")

        heard shouldContainExactly listOf("1 by conflate", "1 by dropOldest", "2 by dropOldest")
        drops.snapshot().run { conflated to dropped } shouldBe (1L to 3L)
    }

    test("of a topic with a history what replaces another goes behind what waits: its offsets only rise") {
        checkAll(Arb.list(Arb.int(0..4), 0..60)) { steps ->
            val queue = queue(isWoken = true)
            val part = LossyQueue.Part(DropCounters())
            val taken = ArrayList<Int>()

            for ((number, step) in steps.withIndex()) {
                when (step) {
                    0 -> queue.offer(prepared(wordMessage("main")))
                    1 -> taken += queue.take(2).numbers()
                    else -> queue.keep(part, "k$step", prepared(placed(number)), limit = 3)
                }
            }
            queue.close()
            while (true) taken += queue.takenFrames(8)?.map { it.payload().decodeToString() }?.numbers() ?: break

            taken shouldContainExactly taken.sorted()
        }
    }

    test("what is left is taken back, what was closed still comes out, what was cancelled does not") {
        runTest {
            val queue = queue(isWoken = true)
            val left = LossyQueue.Part(DropCounters())
            val other = LossyQueue.Part(DropCounters())
            queue.keep(left, "a", prepared(wordMessage("a")), limit = 2)
            queue.keep(other, "b", prepared(wordMessage("b")), limit = 2)

            queue.forget(left)
            queue.close()

            queue.keep(other, "c", prepared(wordMessage("c")), limit = 2) shouldBe false
            queue.take(8) shouldContainExactly listOf("b")
            queue.takenFrames(8) shouldBe null

            val cancelled = queue(isWoken = true)
            cancelled.keep(other, "b", prepared(wordMessage("b")), limit = 2)
            cancelled.cancel()
            cancelled.takenFrames(8) shouldBe null
        }
    }
})

private fun placed(number: Int): Message =
    Message(MessageType.MESSAGE, body = wordMessage("$number").body, offset = number.toLong())

private fun List<String>.numbers(): List<Int> = mapNotNull { it.toIntOrNull() }

private const val LAST = 50
