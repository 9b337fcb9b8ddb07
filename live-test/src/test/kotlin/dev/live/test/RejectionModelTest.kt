package dev.live.test

import dev.live.client.ClientTopic
import dev.live.client.connection.ReconnectPolicy
import dev.live.client.topic.ConnectionLostException
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.server.Live
import dev.live.server.live
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeUnique
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import kotlin.random.Random
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.minutes

/**
 * Clients publish and subscribe to a topic while connections break and an interceptor rejects messages at random. An
 * acked message is in the topic once, a rejected one never, and a subscription misses nothing between rejections.
 */
class RejectionModelTest : FunSpec({

    for (seed in 1..2) {
        test("acked messages are published once, rejected messages never, and all arrive, with seed $seed")
            .config(timeout = 2.minutes) {
                val dice = List(CLIENTS) { Dice(Random(seed * CLIENTS + it)) }
                testLive({ rejecting(dice) }) {
                    val clients =
                        withContext(Dispatchers.Default) { List(CLIENTS) { randomClient(it, Random(-seed - it)) } }
                    clients.forEach { application.launch(Dispatchers.Default) { it.collect() } }

                    withContext(Dispatchers.Default) {
                        coroutineScope { for (client in clients) launch { repeat(STEPS) { client.step() } } }
                    }
                    dice.forEach { it.isEnabled = false }
                    val published = live.topic(TOPIC).history()
                    awaitUntil("all clients have received all") { clients.all { it.last == published.position.offset } }

                    val texts = published.messages.map { it.decode<String>() }
                    texts.shouldBeUnique()
                    for (client in clients) {
                        val rejected = client.rejected.toSet()
                        texts.filter { it in rejected } shouldBe emptyList()
                        texts shouldContainAll client.acked
                        for ((offset, text) in client.received) text shouldBe texts[offset.toInt() - 1]
                        client.error shouldBe null
                    }
                    clients.sumOf { it.rejected.size } shouldBeGreaterThan STEPS / 20
                    clients.sumOf { it.rejections.get() } shouldBeGreaterThan 0
                    clients.sumOf { it.recovered.get() } shouldBeGreaterThan 0
                }
            }
    }
})

private suspend fun LiveTest.randomClient(number: Int, random: Random): RandomClient {
    val delays = Random(random.nextInt()) // not shared, because it is used on another thread
    val client = connect("/live?client=$number") { reconnect = ReconnectPolicy { delays.nextInt(3_000).microseconds } }
    return RandomClient(number, client.topic(TOPIC), random) {
        live.sessions.randomOrNull(random)?.close(CloseCode.GoingAway)
    }
}

private class RandomClient(
    private val number: Int,
    private val topic: ClientTopic<String>,
    private val random: Random,
    private val breakConnection: () -> Unit,
) {
    val acked = ArrayList<String>()
    val rejected = ArrayList<String>()
    val recovered = AtomicInteger()

    /** Number of rejected subscribes. */
    val rejections = AtomicInteger()
    val received = ConcurrentHashMap<Long, String>()
    private var count = 0

    @Volatile
    var last = 0L

    @Volatile
    var error: String? = null

    private var mayMiss = true

    suspend fun step() {
        if (random.nextInt(100) == 0) breakConnection()
        val text = "$number:${count++}"
        try {
            topic.publish(text)
            acked += text
        } catch (_: ConnectionLostException) {
            // the message may or may not have been published
        } catch (e: LiveException) {
            check(e.code == ErrorCode.Forbidden || e.code == ErrorCode.NotSubscribed) { "$text was rejected: $e" }
            rejected += text
        }
    }

    suspend fun collect() {
        while (true) {
            try {
                topic.updates.collect { onUpdate(it) }
                return
            } catch (e: LiveException) {
                if (e.code != ErrorCode.Forbidden) error = error ?: "client $number was rejected: $e"
                rejections.incrementAndGet()
            }
        }
    }

    private fun onUpdate(update: TopicUpdate<String>) {
        when (update) {
            is TopicUpdate.Subscribed ->
                when (update.recovery) {
                    Recovery.First -> mayMiss = true
                    Recovery.Recovered -> recovered.incrementAndGet()
                    Recovery.Gap -> error = error ?: "client $number received a gap after $last despite full history"
                }
            is TopicUpdate.Received -> {
                val offset = update.offset!!
                val isNext = if (mayMiss) offset > last else offset == last + 1
                if (!isNext) error = error ?: "client $number received $offset after $last, mayMiss=$mayMiss"
                mayMiss = false
                received[offset] = update.value
                last = offset
            }
        }
    }
}

/** Decides at random whether a client is rejected. Synchronized, because an old and a new session may overlap. */
private class Dice(private val random: Random) {
    @Volatile
    var isEnabled = true

    @Synchronized
    fun rejects(oneIn: Int): Boolean = isEnabled && random.nextInt(oneIn) == 0
}

private const val TOPIC = "talk"
private const val CLIENTS = 4
private const val STEPS = 2_500

private fun Application.rejecting(dice: List<Dice>) {
    install(Live) {
        limits {
            messagesPerSecond = 1_000_000
            burst = 1_000_000
            subscribesPerSecond = 1_000_000
            subscribeBurst = 1_000_000
        }
    }
    routing {
        live<Dice>("/live") {
            authenticate { call -> dice[call.request.queryParameters["client"]!!.toInt()] }
            intercept { message, next ->
                when (message.type) {
                    MessageType.SUBSCRIBE -> if (meta.rejects(oneIn = 4)) reject("not now", ErrorCode.Forbidden)
                    MessageType.PUBLISH -> if (meta.rejects(oneIn = 10)) reject("not this", ErrorCode.Forbidden)
                }
                next(message)
            }
            topic<String>(TOPIC) { history(size = 2 * CLIENTS * STEPS) }
        }
    }
}
