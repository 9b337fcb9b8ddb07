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

/** The objects shared by all clients of one chaos test. */
internal class ChaosEnvironment(
    val proxy: ChaosProxy,
    val outages: Outages,
    val ledger: Ledger,
    val engines: Engines,
    val seed: Int,
) {
    /** Number of stops plus number of starts of the server. */
    @Volatile
    var restarts: Int = 0
}

/**
 * Client [number]. It publishes to a log and, with idempotency keys, to a journal, and collects these two topics and
 * the next log.
 */
internal class ChaosClient(private val number: Int, private val environment: ChaosEnvironment, scope: CoroutineScope) {
    private val random = Random(environment.seed * 1_000 + number)
    private val stateChecker = ConnectionStateChecker(number, environment.proxy, environment.outages, HEARTBEAT_TIMEOUT)
    private val collected =
        listOf(logOf(number), logOf(number + 1), journalOf(number)).associateWith { Collected("client $number of $it") }

    private val route = environment.engines.routeOf(number)

    val live: LiveClient =
        LiveClient("ws://${route.first}:${environment.proxy.port}/live?client=$number") {
            transport = route.second
            context = scope.coroutineContext
            reconnect = ExponentialBackoff(100.milliseconds, 1.seconds, random = Random(random.nextInt()))
            heartbeat {
                interval = 1_500.milliseconds
                timeout = HEARTBEAT_TIMEOUT
            }
        }

    init {
        scope.launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
            live.state.first {
                stateChecker.onState(it)
                it is ConnectionState.Closed
            }
        }
        for ((topic, collector) in collected) {
            scope.launch { live.topic<Entry>(topic).updates.collect { collector.take(it) } }
        }
    }

    val isConnected: Boolean get() = live.state.value is ConnectionState.Connected
    val isSubscribed: Boolean get() = collected.values.all { it.isSubscribed }
    val gaps: Int get() = collected.values.maxOf { it.gaps }
    val recoveries: Int get() = collected.values.sumOf { it.recoveries }

    /** Publishes messages one after the other while [isOn]. Returns after the last publish has ended. */
    suspend fun publishWhile(isOn: () -> Boolean) {
        while (isOn()) {
            publish()
            delay(random.nextInt(50, 250).milliseconds)
        }
    }

    /** Like [publishWhile], with idempotency keys. */
    suspend fun publishOnceWhile(isOn: () -> Boolean) {
        while (isOn()) {
            publishOnce()
            delay(random.nextInt(200, 600).milliseconds)
        }
    }

    /** Publishes a last message of each kind until it is acknowledged. All earlier publishes are then complete. */
    suspend fun publishLast() {
        while (!publish().isAcked) delay(10.milliseconds)
        while (!publishOnce().isAcked) delay(10.milliseconds)
    }

    fun hasLast(publishers: Iterable<Int>): Boolean =
        publishers.all { publisher ->
            val collector = collected[topicOf(publisher)] ?: return@all true
            collector.hasReceived(publisher, environment.ledger.of(publisher).lastIndex)
        }

    /** Errors in the connection states and in the messages of this client. */
    fun errors(): List<String> {
        collected.values.forEach { it.check(environment.ledger) }
        return stateChecker.errors + collected.values.flatMap { it.errors }
    }

    private suspend fun publish(): Outcome {
        val entry = Entry(number, environment.ledger.next(number))
        val topic = live.topic<Entry>(logOf(number))
        return outcomeOf { topic.publish(entry) }.also { environment.ledger.record(entry.publisher, it) }
    }

    private suspend fun publishOnce(): Outcome {
        val publisher = number + WITH_KEY
        val entry = Entry(publisher, environment.ledger.next(publisher))
        val topic = live.topic<Entry>(journalOf(number))
        val restarts = environment.restarts
        val outcome = outcomeOf { topic.publishOnce("${entry.publisher}-${entry.seq}", entry) }
        val isAcrossRestart = environment.restarts != restarts || restarts % 2 != 0
        val recorded = if (isAcrossRestart) outcome.acrossRestart else outcome
        return recorded.also { environment.ledger.record(publisher, it) }
    }

    private suspend fun outcomeOf(publish: suspend () -> Unit): Outcome =
        try {
            publish()
            Outcome.Acked
        } catch (_: ConnectionLostException) {
            Outcome.Unknown
        } catch (e: LiveException) {
            if (e.code == ErrorCode.Timeout &&
                "may have processed it" in e.reason
            ) {
                Outcome.Unknown
            } else {
                Outcome.NotPublished
            }
        }
}
