package dev.live.test

import dev.live.client.LiveClient
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
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import java.util.concurrent.atomic.AtomicInteger
import kotlin.random.Random
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * Random publishes, disconnects, evictions and reconnects against the numbers from 1 on, which is what is published:
 * each client has them all from where it began, none missing and none twice, but where it was told of a gap.
 */
class RecoveryModelTest : FunSpec({

    for (seed in 1..3) {
        test("every client has what was published, or an honest gap, after $STEPS steps with seed $seed")
            .config(timeout = 2.minutes) {
                testLive(Application::numbers, timeout = 30.seconds) {
                    val random = Random(seed)
                    val models =
                        withContext(Dispatchers.Default) {
                            List(CLIENTS) { number ->
                                val client =
                                    connect {
                                        reconnect = ReconnectPolicy { random.nextInt(3_000).microseconds }
                                    }
                                Model(number, isSlow = number == 0).also { collect(client, it) }
                            }
                        }
                    awaitUntil("all have subscribed") { live.topic(TOPIC).subscribers == CLIENTS }

                    disturb(random)

                    awaitLast(models)
                    models.sumOf { it.recovered.get() } shouldBeGreaterThan STEPS / 200
                    models.sumOf { it.gaps.get() } shouldBeGreaterThan 0
                    models.map { it.wrong } shouldBe models.map { null }
                }
            }
    }
})

private suspend fun LiveTest.disturb(random: Random) {
    var published = 0
    repeat(STEPS) {
        when (random.nextInt(100)) {
            in 0..93 -> live.topic(TOPIC).publish(++published)
            in 94..97 -> {
                live.sessions.randomOrNull(random)?.close(CloseCode.GoingAway)
                repeat(random.nextInt(KEPT * 5 / 4)) { live.topic(TOPIC).publish(++published) } // now and then too much
                awaitUntil("all are back") { live.topic(TOPIC).subscribers == CLIENTS }
            }
            98 -> live.sessions.randomOrNull(random)?.close(CloseCode.GoingAway)
            else -> yield()
        }
    }
}

/** Publishes on until every one of [models] has the last number: whoever is told of a gap may have to wait for the next. */
private suspend fun LiveTest.awaitLast(models: List<Model>) {
    var published = live.topic(TOPIC).history().position.offset.toInt()
    do {
        val gaps = models.sumOf { it.gaps.get() }
        live.topic(TOPIC).publish(++published)
        awaitUntil("all have $published or a gap") {
            models.all { it.last == published } || models.sumOf { it.gaps.get() } > gaps
        }
    } while (!models.all { it.last == published })
}

private fun LiveTest.collect(client: LiveClient, model: Model) {
    val topic = client.topic<Int>(TOPIC, CollectorOverflow.Recover)
    application.launch(Dispatchers.Default) { topic.updates.collect { model.take(it) } }
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

private const val TOPIC = "numbers"
private const val CLIENTS = 8
private const val STEPS = 20_000
private const val KEPT = 200

private fun Application.numbers() {
    install(Live)
    routing { live<Unit>("/live") { topic<Int>(TOPIC) { history(size = KEPT) } } }
}
