package dev.live.chaos

import dev.live.client.ClientTopic
import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.ExponentialBackoff
import dev.live.client.topic.ConnectionLostException
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** What all clients of one run share. */
internal class DeviceConditions(
    val proxy: ChaosProxy,
    val outages: Outages,
    val ledger: Ledger,
    val engines: Engines,
    val seed: Int,
) {
    /** Counts both the stops and the starts of the server. */
    @Volatile
    var restarts: Int = 0
}

/** Client [number], which publishes to a log and, with keys, to a journal, and collects those and the next log. */
internal class ChaosClient(private val number: Int, private val around: DeviceConditions, scope: CoroutineScope) {
    private val random = Random(around.seed * 1_000 + number)
    private val story = Story(number, around.proxy, around.outages, SILENCE)
    private val collected =
        listOf(logOf(number), logOf(number + 1), journalOf(number)).associateWith { Collected("client $number of $it") }

    private val route = around.engines.routeOf(number)

    val live: LiveClient =
        LiveClient("ws://${route.first}:${around.proxy.port}/live?client=$number") {
            transport = route.second
            context = scope.coroutineContext
            reconnect = ExponentialBackoff(100.milliseconds, 1.seconds, random = Random(random.nextInt()))
            heartbeat {
                interval = 1_500.milliseconds
                timeout = SILENCE
            }
        }

    init {
        scope.launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
            live.state.first {
                story.take(it)
                it is ConnectionState.Closed
            }
        }
        for ((topic, into) in collected) {
            scope.launch { live.topic<Entry>(topic).updates.collect { into.take(it) } }
        }
    }

    val isConnected: Boolean get() = live.state.value is ConnectionState.Connected
    val isSubscribed: Boolean get() = collected.values.all { it.isSubscribed }
    val gaps: Int get() = collected.values.maxOf { it.gaps }
    val recoveries: Int get() = collected.values.sumOf { it.recoveries }

    /** Publishes one after the other as long as [isOn]; no publish is left half done. */
    suspend fun publishWhile(isOn: () -> Boolean) {
        while (isOn()) {
            publish()
            delay(random.nextInt(50, 250).milliseconds)
        }
    }

    /** The same with keys. */
    suspend fun publishOnceWhile(isOn: () -> Boolean) {
        while (isOn()) {
            publishOnce()
            delay(random.nextInt(200, 600).milliseconds)
        }
    }

    /** Publishes the last of each, until it is acknowledged; then all that came before has had its turn. */
    suspend fun publishLast() {
        while (!publish().isAcked) delay(10.milliseconds)
        while (!publishOnce().isAcked) delay(10.milliseconds)
    }

    fun hasLast(publishers: Iterable<Int>): Boolean =
        publishers.all { publisher ->
            val into = collected[topicOf(publisher)] ?: return@all true
            into.has(publisher, around.ledger.of(publisher).lastIndex)
        }

    /** What was wrong with this client, story and messages. */
    fun wrong(): List<String> {
        collected.values.forEach { it.check(around.ledger) }
        return story.wrong + collected.values.flatMap { it.wrong }
    }

    private suspend fun publish(): Outcome {
        val entry = Entry(number, around.ledger.next(number))
        val topic = live.topic<Entry>(logOf(number))
        return outcomeOf { topic.publish(entry) }.also { around.ledger.note(entry.publisher, it) }
    }

    private suspend fun publishOnce(): Outcome {
        val publisher = number + WITH_KEY
        val entry = Entry(publisher, around.ledger.next(publisher))
        val topic = live.topic<Entry>(journalOf(number))
        val restarts = around.restarts
        val outcome = outcomeOf { topic.publishOnce("${entry.publisher}-${entry.seq}", entry) }
        val isAcross = around.restarts != restarts || restarts % 2 != 0
        return (if (isAcross) outcome.acrossRestart else outcome).also { around.ledger.note(publisher, it) }
    }

    private suspend fun outcomeOf(publish: suspend () -> Unit): Outcome =
        try {
            publish()
            Outcome.Acked
        } catch (_: ConnectionLostException) {
            Outcome.Unknown
        } catch (e: LiveException) {
            if (e.code == ErrorCode.Timeout && "not known" in e.reason) Outcome.Unknown else Outcome.Not
        }
}
