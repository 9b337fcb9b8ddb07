package dev.live.test

import dev.live.client.connection.ReconnectPolicy
import dev.live.client.topic.CollectorOverflow
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.CloseCode
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.topic.publish
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.comparables.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import java.util.concurrent.atomic.AtomicInteger
import kotlin.random.Random
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/**
 * Random publishes, disconnects, history evictions, new epochs and reconnects. The test publishes the numbers from 1
 * on. Each client must receive all numbers from its first one, without losses or duplicates, except after a notified
 * gap.
 */
class RecoveryModelTest : FunSpec({

    for ((seed, topic) in listOf(TOPIC_BY_SIZE, TOPIC_BY_BYTES, TOPIC_BY_SIZE).withIndex()) {
        test("every client receives all messages or a gap after $STEPS steps of $topic with seed $seed")
            .config(timeout = 2.minutes) {
                val gate = MutableStateFlow(true)
                testLive({ numbers(gate) }) {
                    val clients = withContext(Dispatchers.Default) { List(CLIENTS) { join(it, seed, topic) } }
                    awaitUntil("all clients are subscribed") { live.topic(topic).subscribers == CLIENTS }
                    val faults = FaultInjector(this, topic, gate, Random(seed))

                    repeat(STEPS) { faults.step() }

                    faults.awaitLast(clients)
                    clients.sumOf { it.recovered.get() } shouldBeGreaterThan STEPS / 200
                    clients.sumOf { it.gaps.get() } shouldBeGreaterThan faults.forgotten
                    faults.forgotten shouldBeGreaterThan 0
                    clients.map { it.error } shouldBe clients.map { null }
                }
            }
    }
})

private suspend fun LiveTest.join(number: Int, seed: Int, topic: String): Model {
    val random = Random(CLIENTS * seed + number) // not shared, because each client runs on its own thread
    val client = connect { reconnect = ReconnectPolicy { random.nextInt(3_000).microseconds } }
    val model = Model(number, isSlow = number == 0)
    val updates = client.topic<Int>(topic, CollectorOverflow.Recover).updates
    application.launch(Dispatchers.Default) { updates.collect { model.onUpdate(it) } }
    return model
}

/** Injects faults into [topic]. Subscribes wait while the [gate] is closed. */
private class FaultInjector(
    private val test: LiveTest,
    private val topic: String,
    private val gate: MutableStateFlow<Boolean>,
    private val random: Random,
) {
    private val live = test.live
    private var published = 0

    /** Number of new epochs of the history. */
    var forgotten = 0
        private set

    suspend fun step() {
        when (random.nextInt(1_000)) {
            in 0..939 -> publish()
            in 940..978 -> {
                live.sessions.randomOrNull(random)?.close(CloseCode.GoingAway)
                repeat(random.nextInt(KEPT * 5 / 4)) { publish() } // sometimes more than the history keeps
                awaitAll()
            }
            979 -> forget()
            in 980..989 -> live.sessions.randomOrNull(random)?.close(CloseCode.GoingAway)
            else -> yield()
        }
    }

    /**
     * Publishes until all [models] have received the last number. After a gap, a client may have to wait for the next.
     */
    suspend fun awaitLast(models: List<Model>) {
        do {
            val gaps = models.sumOf { it.gaps.get() }
            publish()
            test.awaitUntil("all clients have received $published or a gap") {
                models.all { it.last == published } || models.sumOf { it.gaps.get() } > gaps
            }
        } while (!models.all { it.last == published })
    }

    private suspend fun publish() = live.topic(topic).publish(++published)

    /** Keeps all clients away until the server drops the topic: it keeps no history for a topic without subscribers. */
    private suspend fun forget() {
        gate.value = false
        test.awaitUntil("the topic is removed") {
            for (session in live.sessions) if (session.topics.isNotEmpty()) session.close(CloseCode.GoingAway)
            live.topicCount == 0
        }
        repeat(random.nextInt(3)) { publish() } // the first messages of a new epoch, which may be removed again
        gate.value = true
        awaitAll()
        forgotten++
    }

    private suspend fun awaitAll() =
        test.awaitUntil("all clients are subscribed again") { live.topic(topic).subscribers == CLIENTS }
}

/** The messages received by one client, checked against the model. */
private class Model(private val number: Int, private val isSlow: Boolean) {
    val recovered = AtomicInteger()
    val gaps = AtomicInteger()

    @Volatile
    var last = 0

    @Volatile
    var error: String? = null

    private var mayMiss = true

    suspend fun onUpdate(update: TopicUpdate<Int>) {
        when (update) {
            is TopicUpdate.Subscribed -> onSubscribed(update.recovery)
            is TopicUpdate.Received -> {
                val isNext = if (mayMiss) update.value > last else update.value == last + 1
                if (!isNext) error = error ?: "client $number received ${update.value} after $last, mayMiss=$mayMiss"
                mayMiss = false
                last = update.value
                if (isSlow && last % 100 == 0) yieldOften()
            }
        }
    }

    private fun onSubscribed(recovery: Recovery) {
        when (recovery) {
            Recovery.First -> Unit
            Recovery.Recovered -> recovered.incrementAndGet()
            Recovery.Gap -> {
                gaps.incrementAndGet()
                mayMiss = true
            }
        }
    }

    /** Makes this collector slower than the others. */
    private suspend fun yieldOften() = repeat(1_000) { yield() }
}

private const val TOPIC_BY_SIZE = "by-size"
private const val TOPIC_BY_BYTES = "by-bytes"
private const val CLIENTS = 8

/** Steps of each model; 8,000 for a thorough run, with `-Dlive.test.thorough=true`. */
private val STEPS = if (System.getProperty("live.test.thorough").toBoolean()) 8_000 else 3_000
private const val KEPT = 200

private fun Application.numbers(gate: StateFlow<Boolean>) {
    install(Live) {
        heartbeat { interval = 100.milliseconds } // also the interval at which the server removes idle topics
        topics { idleHistoryBytes = 0 }
    }
    routing {
        live<Unit>("/live") {
            intercept { message, next ->
                gate.first { it }
                next(message)
            }
            topic<Int>(TOPIC_BY_SIZE) { history(size = KEPT) }
            topic<Int>(TOPIC_BY_BYTES) { history(size = 100_000, bytes = KEPT * 4) } // 4 or 5 digits each
        }
    }
}
