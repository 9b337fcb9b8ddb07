package dev.live.redis

import dev.live.protocol.Position
import dev.live.redis.support.BOUNDS
import dev.live.redis.support.HANG_TIMEOUT
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.supervisorScope
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.microseconds

class OutboxTest : FunSpec({

    test("no place is lost when publishers give up at the moment that they receive one") {
        val outbox = outbox {
            outboxMessages = 1
            timeout = 30.microseconds
        }

        withContext(Dispatchers.Default) {
            val sender = launch {
                while (true) {
                    for (publication in outbox.takePlain(10)) outbox.done(publication, failure = null)
                    yield()
                }
            }
            coroutineScope {
                repeat(4) {
                    launch {
                        repeat(5_000) {
                            try {
                                withTimeoutOrNull(40.microseconds) { outbox.publish("t", null, byteArrayOf(1)) }
                            } catch (_: RedisBrokerException) {
                                // the place or the answer came too late
                            }
                        }
                    }
                }
            }
            eventually(HANG_TIMEOUT) { outbox.size shouldBe 0 }
            sender.cancel()
        }
    }

    test("a publication that is sent a second time and rejected is unknown: the first attempt may have stored it") {
        runTest {
            supervisorScope {
                val outbox = outbox {}
                val publishing =
                    async(start = CoroutineStart.UNDISPATCHED) { outbox.publish("t", BOUNDS, byteArrayOf(1)) }
                outbox.takeBatches(1)
                outbox.connected()

                outbox.rejected(outbox.takeBatches(1).single(), RedisBrokerException.Unavailable("Redis is full."))

                shouldThrow<RedisBrokerException.Unknown> { publishing.await() }.reason shouldContain "Redis is full."
            }
        }
    }

    test("a batch is not sent again when another connection has changed") {
        runTest {
            val outbox = outbox {}
            val publishing = async(start = CoroutineStart.UNDISPATCHED) { outbox.publish("t", BOUNDS, byteArrayOf(1)) }
            val batch = outbox.takeBatches(1).single()

            outbox.connected { false }

            outbox.takeBatches(1).shouldBeEmpty()
            outbox.confirmed(batch, Position("e", 1))
            publishing.await() shouldBe Position("e", 1)
        }
    }

    test("publications of a topic that cannot be sent wait for the next change of a connection, and were not sent") {
        runTest {
            val outbox = outbox {}
            val stored = async(start = CoroutineStart.UNDISPATCHED) { outbox.publish("t", BOUNDS, byteArrayOf(1)) }
            val plain = async(start = CoroutineStart.UNDISPATCHED) { outbox.publish("p", null, byteArrayOf(2)) }

            outbox.takeBatches(1) { false }.shouldBeEmpty()
            outbox.takePlain(1) { false }.shouldBeEmpty()
            outbox.takeBatches(1).shouldBeEmpty()
            outbox.takePlain(1).shouldBeEmpty()
            outbox.connected()

            outbox.confirmed(outbox.takeBatches(1).single(), Position("e", 1))
            outbox.done(outbox.takePlain(1).single(), failure = null)
            stored.await() shouldBe Position("e", 1)
            plain.await() shouldBe null
        }
    }

    test("a publication that is rejected when it is sent for the first time is unavailable") {
        runTest {
            supervisorScope {
                val outbox = outbox {}
                val first = async(start = CoroutineStart.UNDISPATCHED) { outbox.publish("t", BOUNDS, byteArrayOf(1)) }
                val batch = outbox.takeBatches(1).single()
                val second = async(start = CoroutineStart.UNDISPATCHED) { outbox.publish("t", BOUNDS, byteArrayOf(2)) }
                outbox.connected()
                outbox.takeBatches(1).single() shouldBe batch
                outbox.confirmed(batch, Position("e", 1))

                outbox.rejected(outbox.takeBatches(1).single(), RedisBrokerException.Unavailable("Redis is full."))

                first.await() shouldBe Position("e", 1)
                runCatching { second.await() }.exceptionOrNull()
                    .shouldBeInstanceOf<RedisBrokerException.Unavailable>()
            }
        }
    }

    test("the confirmed position of a topic is kept while the topic is used, and for two sweeps otherwise") {
        val outbox = outbox {}
        outbox.publishAndConfirm("t", Position("e", 5)) shouldBe null

        repeat(3) { outbox.sweep(used = setOf("t")) }
        outbox.publishAndConfirm("t", Position("e", 6)) shouldBe Position("e", 5)
        repeat(2) { outbox.sweep(used = emptySet()) }

        outbox.publishAndConfirm("t", Position("e", 7)) shouldBe null
    }
})

/** Returns the confirmed position that was sent along. */
private suspend fun Outbox.publishAndConfirm(topic: String, position: Position): Position? =
    coroutineScope {
        launch(start = CoroutineStart.UNDISPATCHED) { publish(topic, BOUNDS, byteArrayOf(1)) }
        val batch = takeBatches(1).single()
        confirmed(batch, position)
        batch.confirmed
    }

private fun outbox(configure: RedisBrokerConfig.() -> Unit): Outbox {
    val config =
        RedisBrokerConfig().apply {
            namespace = "n"
            timeout = 1.hours
        }
    return Outbox(config.apply(configure).build("redis://localhost")) { "" }
}
