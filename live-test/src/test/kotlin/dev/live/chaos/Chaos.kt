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

/** What came of one run. */
internal class Outcomes(
    val wrong: List<String>,
    val clients: List<WeakReference<LiveClient>>,
    val gaps: Int,
    val recoveries: Int,
    val restarts: Int,
    val unresolved: Int,
    val faults: Map<Fault, Int>,
    val ledger: Ledger,
) {
    override fun toString(): String =
        "$faults, $unresolved names not found, at most $gaps gaps of one client in $restarts restarts, " +
            "$recoveries recoveries, published: " +
            Outcome.entries.associateWith { ledger.count(it) }
}

/** One run: [clients] that publish and collect through a network that does to them, by turns, all that networks do. */
internal class Chaos(private val clients: Int, private val seed: Int) {
    private val random = Random(seed)
    private val server = ChaosServer()
    private val proxy = ChaosProxy { server.port }
    private val names = BrokenNames()
    private val outages = Outages(proxy, names)
    private val ledger = Ledger()

    @Volatile
    private var isPublishing = true

    @Volatile
    private var isServerPublishing = true

    /** Runs rounds of all faults until [duration] has passed, one at least; null: none. */
    suspend fun run(duration: Duration?): Outcomes {
        server.start()
        val job = SupervisorJob(currentCoroutineContext().job)
        val scope = CoroutineScope(job + Dispatchers.Default)
        val engines = Engines(names)
        val around = DeviceConditions(proxy, outages, ledger, engines, seed)
        val all = List(clients) { ChaosClient(it, around, scope) }
        awaitUntil("all have subscribed, and know it", PATIENCE) { areAllIn() && all.all { it.isSubscribed } }
        if (duration != null) rounds(all, around, duration)
        settle(all)
        all.forEach { it.live.close() }
        // before anything is ended from outside: what the clients leave open is theirs to close
        awaitUntil("clients and collectors have ended, and all that they began", PATIENCE) { job.children.none() }
        awaitUntil("every client has closed every socket that it had", PATIENCE) { proxy.openConnections == 0 }
        engines.close()
        server.stop()
        proxy.close()
        job.cancelAndJoin()
        return Outcomes(
            wrong = all.flatMap { it.wrong() } + unnoticed(proxy.links),
            clients = all.map { WeakReference(it.live) },
            gaps = all.maxOf { it.gaps },
            recoveries = all.sumOf { it.recoveries },
            restarts = around.restarts / 2,
            unresolved = names.failures.get(),
            faults = proxy.links.flatMap { it.faults }.groupingBy { it }.eachCount(),
            ledger = ledger,
        )
    }

    private suspend fun rounds(all: List<ChaosClient>, around: DeviceConditions, duration: Duration): Unit =
        coroutineScope {
            for (client in all) {
                launch(Dispatchers.Default) { client.publishWhile { isPublishing } }
                launch(Dispatchers.Default) { client.publishOnceWhile { isPublishing } }
            }
            val begin = TimeSource.Monotonic.markNow()
            do {
                round(around)
            } while (begin.elapsedNow() < duration)
            isPublishing = false
        }

    /** Everything once, in any order; the pauses are part of it. */
    private suspend fun round(around: DeviceConditions) {
        val steps: List<suspend () -> Unit> =
            listOf(
                { proxy.toAll { cut(isReset = false) } },
                { proxy.toSome(0.4, random) { cut(isReset = true) } },
                { proxy.toSome(0.3, random) { halfOpen() } },
                { proxy.toSome(0.3, random) { halfOpen() } },
                { proxy.toSome(0.3, random) { stall(3.seconds) } },
                { drip() },
                { refuse() },
                { unresolved() },
            )
        val (before, after) = steps.shuffled(random).chunked(steps.size / 2)
        for (step in before) pausing(step)
        restart(around)
        for (step in after) pausing(step)
    }

    private suspend fun pausing(step: suspend () -> Unit) {
        serverPublishingWhile {
            step()
            delay(random.nextInt(1_000, 2_500).milliseconds)
        }
    }

    private suspend fun serverPublishingWhile(block: suspend () -> Unit): Unit =
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

    private suspend fun unresolved() {
        names.areBroken = true
        proxy.toSome(0.5, random) { cut(isReset = false) }
        delay(1_500.milliseconds)
        names.areBroken = false
    }

    private suspend fun restart(around: DeviceConditions) {
        outages.isServerAway = true
        proxy.handicap = Fault.Restart
        proxy.toAll { faults += Fault.Restart }
        around.restarts++
        server.stop()
        delay(500.milliseconds)
        server.start()
        around.restarts++
        proxy.handicap = null
        outages.isServerAway = false
    }

    /** When all are back on connections that nothing is wrong with, everybody publishes once more, for all to get. */
    private suspend fun settle(all: List<ChaosClient>) {
        proxy.toAll { flow() }
        awaitUntil("all are back", PATIENCE) { proxy.hasNoDeadLinks && areAllIn() && all.all { it.isConnected } }
        coroutineScope {
            for (client in all) launch(Dispatchers.Default) { client.publishLast() }
        }
        server.publish(ledger)
        val publishers = all.indices + all.indices.map { it + WITH_KEY } + (0 until LOGS).map { it + SERVER }
        awaitUntil("all have the last of everybody", PATIENCE) { all.all { it.hasLast(publishers) } }
    }

    private fun areAllIn(): Boolean {
        val wanted = (0 until clients).flatMap { listOf(logOf(it), logOf(it + 1), journalOf(it)) }
        return wanted.groupingBy { it }.eachCount().all { (topic, count) -> server.subscribers(topic) == count }
    }

    private companion object {
        /**
         * Only a run that is broken ever waits for so long. Where nobody answers, OkHttp's sockets are open until its
         * own timeouts have passed: [Engines] sets 15 s for a close frame, and 10 s for an upgrade are its default.
         */
        val PATIENCE = 5.minutes
    }
}
