package dev.live.chaos

import dev.live.client.LiveClient
import dev.live.test.awaitUntil
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import java.lang.ref.WeakReference
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** The results of one chaos test. */
internal class Outcomes(
    val errors: List<String>,
    val clients: List<WeakReference<LiveClient>>,
    val gaps: Int,
    val recoveries: Int,
    val restarts: Int,
    val failedLookups: Int,
    val faults: Map<Fault, Int>,
    val ledger: Ledger,
) {
    override fun toString(): String =
        "$faults, $failedLookups failed DNS lookups, at most $gaps gaps per client in $restarts restarts, " +
            "$recoveries recoveries, published: " +
            Outcome.entries.associateWith { ledger.count(it) }
}

/** One chaos test: [clients] publish and collect through a network that injects every kind of fault. */
internal class Chaos(private val clients: Int, private val seed: Int) {
    private val random = Random(seed)
    private val server = ChaosServer()
    private val proxy = ChaosProxy { server.port }
    private val dns = FakeDns()
    private val outages = Outages(proxy, dns)
    private val ledger = Ledger()

    @Volatile
    private var isPublishing = true

    @Volatile
    private var isServerPublishing = true

    /** Runs rounds of all faults until [duration] has passed, at least one. Null runs no faults. */
    suspend fun run(duration: Duration?): Outcomes {
        server.start()
        val job = SupervisorJob(currentCoroutineContext().job)
        val scope = CoroutineScope(job + Dispatchers.Default)
        val engines = Engines(dns)
        val environment = ChaosEnvironment(proxy, outages, ledger, engines, seed)
        val all = List(clients) { ChaosClient(it, environment, scope) }
        awaitUntil("all clients are subscribed and notified", AWAIT_TIMEOUT) {
            areAllSubscribed() && all.all { it.isSubscribed }
        }
        if (duration != null) rounds(all, environment, duration)
        settle(all)
        all.forEach { it.live.close() }
        // checked before the engines are closed: each client must close its own resources
        awaitUntil("all coroutines of clients and collectors have ended", AWAIT_TIMEOUT) { job.children.none() }
        awaitUntil("all client sockets are closed", AWAIT_TIMEOUT) { proxy.openConnections == 0 }
        engines.close()
        server.stop()
        proxy.close()
        job.cancelAndJoin()
        return Outcomes(
            errors = all.flatMap { it.errors() } + undetectedFaults(proxy.links),
            clients = all.map { WeakReference(it.live) },
            gaps = all.maxOf { it.gaps },
            recoveries = all.sumOf { it.recoveries },
            restarts = environment.restarts / 2,
            failedLookups = dns.failures.get(),
            faults = proxy.links.flatMap { it.faults }.groupingBy { it }.eachCount(),
            ledger = ledger,
        )
    }

    private suspend fun rounds(all: List<ChaosClient>, environment: ChaosEnvironment, duration: Duration): Unit =
        coroutineScope {
            for (client in all) {
                launch(Dispatchers.Default) { client.publishWhile { isPublishing } }
                launch(Dispatchers.Default) { client.publishOnceWhile { isPublishing } }
            }
            val begin = TimeSource.Monotonic.markNow()
            do {
                round(environment)
            } while (begin.elapsedNow() < duration)
            isPublishing = false
        }

    /** Injects each fault once, in random order, with pauses. */
    private suspend fun round(environment: ChaosEnvironment) {
        val steps: List<suspend () -> Unit> =
            listOf(
                { proxy.toAll { cut(isReset = false) } },
                { proxy.toSome(0.4, random) { cut(isReset = true) } },
                { proxy.toSome(0.3, random) { halfOpen() } },
                { proxy.toSome(0.3, random) { halfOpen() } },
                { proxy.toSome(0.3, random) { stall(3.seconds) } },
                { drip() },
                { refuse() },
                { breakDns() },
            )
        val (before, after) = steps.shuffled(random).chunked(steps.size / 2)
        for (step in before) runThenPause(step)
        restart(environment)
        for (step in after) runThenPause(step)
    }

    private suspend fun runThenPause(step: suspend () -> Unit) {
        whileServerPublishes {
            step()
            delay(random.nextInt(1_000, 2_500).milliseconds)
        }
    }

    private suspend fun whileServerPublishes(block: suspend () -> Unit): Unit =
        coroutineScope {
            isServerPublishing = true
            launch(Dispatchers.Default) { server.publishWhile(ledger) { isServerPublishing } }
            block()
            isServerPublishing = false
        }

    private suspend fun drip() {
        proxy.toSome(0.2, random) { drip() }
        delay(4.seconds)
        proxy.toAll { flow() }
    }

    private suspend fun refuse() {
        proxy.refuse()
        proxy.toSome(0.5, random) { cut(isReset = true) }
        delay(1_500.milliseconds)
        proxy.accept()
    }

    private suspend fun breakDns() {
        dns.isDown = true
        proxy.toSome(0.5, random) { cut(isReset = false) }
        delay(1_500.milliseconds)
        dns.isDown = false
    }

    private suspend fun restart(environment: ChaosEnvironment) {
        outages.isServerDown = true
        proxy.initialFault = Fault.Restart
        proxy.toAll { faults += Fault.Restart }
        environment.restarts++
        server.stop()
        delay(500.milliseconds)
        server.start()
        environment.restarts++
        proxy.initialFault = null
        outages.isServerDown = false
    }

    /** Waits until all clients have healthy connections. Then every publisher publishes a last message. */
    private suspend fun settle(all: List<ChaosClient>) {
        proxy.toAll { flow() }
        awaitUntil("all clients are connected and subscribed", AWAIT_TIMEOUT) {
            proxy.hasNoDeadLinks && areAllSubscribed() && all.all { it.isConnected }
        }
        coroutineScope {
            for (client in all) launch(Dispatchers.Default) { client.publishLast() }
        }
        server.publish(ledger)
        val publishers = all.indices + all.indices.map { it + WITH_KEY } + (0 until LOGS).map { it + SERVER }
        awaitUntil("all clients have received every last message", AWAIT_TIMEOUT) { all.all { it.hasLast(publishers) } }
    }

    private fun areAllSubscribed(): Boolean {
        val expected = (0 until clients).flatMap { listOf(logOf(it), logOf(it + 1), journalOf(it)) }
        return expected.groupingBy { it }.eachCount().all { (topic, count) -> server.subscribers(topic) == count }
    }

    private companion object {
        /**
         * Only a failing test waits that long. Without a response, OkHttp keeps sockets open until its timeouts:
         * [Engines] sets 15 s for a close frame, and the default for an upgrade is 10 s.
         */
        val AWAIT_TIMEOUT = 5.minutes
    }
}
