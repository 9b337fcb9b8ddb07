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
 * Random publishes, disconnects, evictions, new histories and reconnects against the numbers from 1 on, which is what
 * is published: each client has all from where it began, none missing and none twice, but where told of a gap.
 */
class RecoveryModelTest : FunSpec({

    for ((seed, topic) in listOf(TOPIC_BY_SIZE, TOPIC_BY_BYTES, TOPIC_BY_SIZE).withIndex()) {
        test("every client has what was published, or an honest gap, after $STEPS steps of $topic with seed $seed")
            .config(timeout = 2.minutes) {
                val gate = MutableStateFlow(true)
                testLive({ numbers(gate) }) {
                    val clients = withContext(Dispatchers.Default) { List(CLIENTS) { join(it, seed, topic) } }
                    awaitUntil("all have subscribed") { live.topic(topic).subscribers == CLIENTS }
                    val disturbance = Disturbance(this, topic, gate, Random(seed))

                    repeat(STEPS) { disturbance.step() }

                    disturbance.awaitLast(clients)
                    clients.sumOf { it.recovered.get() } shouldBeGreaterThan STEPS / 200
                    clients.sumOf { it.gaps.get() } shouldBeGreaterThan disturbance.forgotten
                    disturbance.forgotten shouldBeGreaterThan 0
                    clients.map { it.wrong } shouldBe clients.map { null }
                }
            }
    }
})

private suspend fun LiveTest.join(number: Int, seed: Int, topic: String): Model {
    val random = Random(CLIENTS * seed + number) // its own: a client's thread is not that of the others
    val client = connect { reconnect = ReconnectPolicy { random.nextInt(3_000).microseconds } }
    val model = Model(number, isSlow = number == 0)
    val updates = client.topic<Int>(topic, CollectorOverflow.Recover).updates
    application.launch(Dispatchers.Default) { updates.collect { model.take(it) } }
    return model
}

/** What happens to [topic]; through the [gate] sessions come that want to subscribe. */
private class Disturbance(
    private val test: LiveTest,
    private val topic: String,
    private val gate: MutableStateFlow<Boolean>,
    private val random: Random,
) {
    private val live = test.live
    private var published = 0

    /** How often the history began anew. */
    var forgotten = 0
        private set

    suspend fun step() {
        when (random.nextInt(1_000)) {
            in 0..939 -> publish()
            in 940..978 -> {
                live.sessions.randomOrNull(random)?.close(CloseCode.GoingAway)
                repeat(random.nextInt(KEPT * 5 / 4)) { publish() } // now and then too much
                awaitAll()
            }
            979 -> forget()
            in 980..989 -> live.sessions.randomOrNull(random)?.close(CloseCode.GoingAway)
            else -> yield()
        }
    }

    /** Publishes on until all [models] have the last number: whoever is told of a gap may have to wait for the next. */
    suspend fun awaitLast(models: List<Model>) {
        do {
            val gaps = models.sumOf { it.gaps.get() }
            publish()
            test.awaitUntil("all have $published or a gap") {
                models.all { it.last == published } || models.sumOf { it.gaps.get() } > gaps
            }
        } while (!models.all { it.last == published })
    }

    private suspend fun publish() = live.topic(topic).publish(++published)

    /** Keeps everybody away until the server, which keeps nothing for nobody, has forgotten the topic. */
    private suspend fun forget() {
        gate.value = false
        test.awaitUntil("the topic is forgotten") {
            for (session in live.sessions) if (session.topics.isNotEmpty()) session.close(CloseCode.GoingAway)
            live.topicCount == 0
        }
        repeat(random.nextInt(3)) { publish() } // the first of the new history, which is forgotten again, or not
        gate.value = true
        awaitAll()
        forgotten++
    }

    private suspend fun awaitAll() =
        test.awaitUntil("all are back") { live.topic(topic).subscribers == CLIENTS }
}

/** What one client has, and whether that is possible. */
private class Model(private val number: Int, private val isSlow: Boolean) {
    val recovered = AtomicInteger()
    val gaps = AtomicInteger()

    @Volatile
    var last = 0

    @Volatile
    var wrong: String? = null

    private var mayMiss = true

    suspend fun take(update: TopicUpdate<Int>) {
        when (update) {
            is TopicUpdate.Subscribed -> joined(update.recovery)
            is TopicUpdate.Received -> {
                val isNext = if (mayMiss) update.value > last else update.value == last + 1
                if (!isNext) wrong = wrong ?: "client $number got ${update.value} behind $last, mayMiss=$mayMiss"
                mayMiss = false
                last = update.value
                if (isSlow && last % 100 == 0) yieldOften()
            }
        }
    }

    private fun joined(recovery: Recovery) {
        when (recovery) {
            Recovery.First -> Unit
            Recovery.Recovered -> recovered.incrementAndGet()
            Recovery.Gap -> {
                gaps.incrementAndGet()
                mayMiss = true
            }
        }
    }

    /** Falls behind the others. */
    private suspend fun yieldOften() = repeat(1_000) { yield() }
}

private const val TOPIC_BY_SIZE = "by-size"
private const val TOPIC_BY_BYTES = "by-bytes"
private const val CLIENTS = 8
private const val STEPS = 8_000
private const val KEPT = 200

private fun Application.numbers(gate: StateFlow<Boolean>) {
    install(Live) {
        heartbeat { interval = 100.milliseconds } // and so often the server looks for what it may forget
        topics { idleHistoryBytes = 0 }
    }
    routing {
        live<Unit>("/live") {
            intercept { message, next ->
                gate.first { it }
                next(message)
            }
            topic<Int>(TOPIC_BY_SIZE) { history(size = KEPT) }
            topic<Int>(TOPIC_BY_BYTES) { history(size = 100_000, bytes = KEPT * 4) } // of four or five digits
        }
    }
}
