package dev.live.chaos

import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.comparables.shouldBeGreaterThan
import io.kotest.matchers.comparables.shouldBeLessThan
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.debug.DebugProbes
import java.io.File
import java.io.IOException
import java.nio.file.Files
import kotlin.time.Duration.Companion.minutes

/**
 * Clients behind a network that fails in every way it can: what they were told is acknowledged all have, once and in
 * order, or were told of a gap; and what they say of their connections is what was done to these.
 */
@OptIn(ExperimentalCoroutinesApi::class)
class ChaosTest : FunSpec({

    beforeSpec {
        DebugProbes.enableCreationStackTraces = false
        DebugProbes.install()
    }
    afterSpec { DebugProbes.uninstall() }

    val minutes = System.getProperty("live.chaos.minutes", "0").toInt()
    val seed = System.getProperty("live.chaos.seed", "5").toInt()

    test("$CLIENTS clients lose nothing in silence on a network that fails in every way, seed $seed")
        .config(timeout = (minutes + 5).minutes, invocationTimeout = (minutes + 5).minutes) {
            Chaos(clients = 3, seed = 0).run(duration = null) // what the engines keep for good is there from now on
            val before = Leftovers.now()

            val outcomes = Chaos(CLIENTS, seed).run(minutes.minutes)

            withClue("seed $seed: $outcomes") {
                outcomes.wrong.joinToString("\n") shouldBe ""
                outcomes.faults.keys shouldContainAll Fault.entries
                outcomes.unresolved shouldBeGreaterThan 0
                outcomes.gaps shouldBeGreaterThan 0
                outcomes.gaps shouldBeLessThanOrEqual outcomes.restarts
                outcomes.recoveries shouldBeGreaterThan CLIENTS
                outcomes.ledger.count(Outcome.Acked) shouldBeGreaterThan 0
                outcomes.ledger.count(Outcome.Unknown) shouldBeGreaterThan 0
            }
            println("chaos, seed $seed: $outcomes")
            eventually(2.minutes) {
                val now = Leftovers.now()
                outcomes.clients.count { it.get() != null } shouldBe 0
                now.threads - before.threads shouldBe emptySet()
                withClue(now.coroutines.joinToString("\n")) {
                    now.coroutines.size shouldBeLessThanOrEqual before.coroutines.size
                }
                now.sockets shouldBeLessThanOrEqual before.sockets
                now.heap shouldBeLessThan before.heap + HEAP_MARGIN
            }
        }
})

private const val CLIENTS = 50

/** Bytes: what the outcomes of a run hold themselves, and what the engines' pools do. */
private const val HEAP_MARGIN = 32L * 1024 * 1024

/** What this process holds, to compare with what it held before. */
@OptIn(ExperimentalCoroutinesApi::class)
private class Leftovers(val threads: Set<String>, val coroutines: List<String>, val sockets: Int, val heap: Long) {
    companion object {
        fun now(): Leftovers {
            System.gc()
            val runtime = Runtime.getRuntime()
            return Leftovers(
                // without those of pools that all share, and that end when idle
                threads = threadNames().filterNot { it.startsWith("Default") }.toSet(),
                coroutines = coroutines(),
                sockets = openSockets(),
                heap = runtime.totalMemory() - runtime.freeMemory(),
            )
        }

        private fun threadNames(): List<String> = Thread.getAllStackTraces().keys.map { it.name }

        /** All of this process: those of engines, servers and clients have no common name. */
        private fun coroutines(): List<String> =
            DebugProbes.dumpCoroutinesInfo().map {
                "${it.state} ${it.context} ${it.lastObservedStackTrace().firstOrNull()}"
            }

        private fun openSockets(): Int =
            File("/proc/self/fd").listFiles().orEmpty().count { file ->
                try {
                    Files.readSymbolicLink(file.toPath()).toString().startsWith("socket:")
                } catch (_: IOException) {
                    false // closed meanwhile
                }
            }
    }
}
