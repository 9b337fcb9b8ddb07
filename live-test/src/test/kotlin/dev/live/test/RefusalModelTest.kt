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
 * Clients that publish and subscribe to a topic of which an interceptor refuses both at random, while connections
 * break: what was acked stands in the topic once, what was refused does not, and between refusals nothing is missed.
 */
class RefusalModelTest : FunSpec({

    for (seed in 1..2) {
        test("what was acked is published once, what was refused never, and all of it comes, with seed $seed")
            .config(timeout = 2.minutes) {
                val dice = List(CLIENTS) { Dice(Random(seed * CLIENTS + it)) }
                testLive({ refusing(dice) }) {
                    val clients = withContext(Dispatchers.Default) { List(CLIENTS) { talker(it, Random(-seed - it)) } }
                    clients.forEach { application.launch(Dispatchers.Default) { it.collect() } }

                    withContext(Dispatchers.Default) {
                        coroutineScope { for (client in clients) launch { repeat(STEPS) { client.step() } } }
                    }
                    dice.forEach { it.isFair = false }
                    val published = live.topic(TOPIC).history()
                    awaitUntil("all have everything") { clients.all { it.last == published.position.offset } }

                    val words = published.messages.map { it.decode<String>() }
                    words.shouldBeUnique()
                    for (client in clients) {
                        val refused = client.refused.toSet()
                        words.filter { it in refused } shouldBe emptyList()
                        words shouldContainAll client.acked
                        for ((offset, word) in client.received) word shouldBe words[offset.toInt() - 1]
                        client.wrong shouldBe null
                    }
                    clients.sumOf { it.refused.size } shouldBeGreaterThan STEPS / 20
                    clients.sumOf { it.refusals.get() } shouldBeGreaterThan 0
                    clients.sumOf { it.recovered.get() } shouldBeGreaterThan 0
                }
            }
    }
})

private suspend fun LiveTest.talker(number: Int, random: Random): Talker {
    val delays = Random(random.nextInt()) // for another thread
    val client = connect("/live?client=$number") { reconnect = ReconnectPolicy { delays.nextInt(3_000).microseconds } }
    return Talker(number, client.topic(TOPIC), random) {
        live.sessions.randomOrNull(random)?.close(CloseCode.GoingAway)
    }
}

private class Talker(
    private val number: Int,
    private val topic: ClientTopic<String>,
    private val random: Random,
    private val breakOne: () -> Unit,
) {
    val acked = ArrayList<String>()
    val refused = ArrayList<String>()
    val recovered = AtomicInteger()

    /** How often it was not let in. */
    val refusals = AtomicInteger()
    val received = ConcurrentHashMap<Long, String>()
    private var count = 0

    @Volatile
    var last = 0L

    @Volatile
    var wrong: String? = null

    private var mayMiss = true

    suspend fun step() {
        if (random.nextInt(100) == 0) breakOne()
        val word = "$number:${count++}"
        try {
            topic.publish(word)
            acked += word
        } catch (_: ConnectionLostException) {
            // whether it was published nobody knows
        } catch (e: LiveException) {
            check(e.code == ErrorCode.Forbidden || e.code == ErrorCode.NotSubscribed) { "$word was refused: $e" }
            refused += word
        }
    }

    suspend fun collect() {
        while (true) {
            try {
                topic.updates.collect { take(it) }
                return
            } catch (e: LiveException) {
                if (e.code != ErrorCode.Forbidden) wrong = wrong ?: "client $number was refused: $e"
                refusals.incrementAndGet()
            }
        }
    }

    private fun take(update: TopicUpdate<String>) {
        when (update) {
            is TopicUpdate.Subscribed ->
                when (update.recovery) {
                    Recovery.First -> mayMiss = true
                    Recovery.Recovered -> recovered.incrementAndGet()
                    Recovery.Gap -> wrong = wrong ?: "client $number has a gap behind $last, and all is kept"
                }
            is TopicUpdate.Received -> {
                val offset = update.offset!!
                val isNext = if (mayMiss) offset > last else offset == last + 1
                if (!isNext) wrong = wrong ?: "client $number got $offset behind $last, mayMiss=$mayMiss"
                mayMiss = false
                received[offset] = update.value
                last = offset
            }
        }
    }
}

/** Whether a client is refused; asked by its sessions, of which an old one may not know yet that there is a new one. */
private class Dice(private val random: Random) {
    @Volatile
    var isFair = true

    @Synchronized
    fun refuses(oneIn: Int): Boolean = isFair && random.nextInt(oneIn) == 0
}

private const val TOPIC = "talk"
private const val CLIENTS = 4
private const val STEPS = 2_500

private fun Application.refusing(dice: List<Dice>) {
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
                    MessageType.SUBSCRIBE -> if (meta.refuses(oneIn = 4)) reject("not now", ErrorCode.Forbidden)
                    MessageType.PUBLISH -> if (meta.refuses(oneIn = 10)) reject("not this", ErrorCode.Forbidden)
                }
                next(message)
            }
            topic<String>(TOPIC) { history(size = 2 * CLIENTS * STEPS) }
        }
    }
}
