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
 * Clients behind a network with every kind of fault. Each client receives every acknowledged message once and in order,
 * or is notified of a gap. The connection states of each client match the injected faults.
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

    test("$CLIENTS clients lose no message without a gap on a faulty network, seed $seed")
        .config(timeout = (minutes + 5).minutes, invocationTimeout = (minutes + 5).minutes) {
            Chaos(clients = 3, seed = 0).run(duration = null) // warm-up: starts resources that the engines keep
            val before = ProcessResources.now()

            val outcomes = Chaos(CLIENTS, seed).run(minutes.minutes)

            withClue("seed $seed: $outcomes") {
                outcomes.errors.joinToString("\n") shouldBe ""
                outcomes.faults.keys shouldContainAll Fault.entries
                outcomes.failedLookups shouldBeGreaterThan 0
                outcomes.gaps shouldBeGreaterThan 0
                outcomes.gaps shouldBeLessThanOrEqual outcomes.restarts
                outcomes.recoveries shouldBeGreaterThan CLIENTS
                outcomes.ledger.count(Outcome.Acked) shouldBeGreaterThan 0
                outcomes.ledger.count(Outcome.Unknown) shouldBeGreaterThan 0
            }
            println("chaos, seed $seed: $outcomes")
            eventually(2.minutes) {
                val now = ProcessResources.now()
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

/** Bytes retained by the outcomes of a test and by the engines' pools. */
private const val HEAP_MARGIN = 32L * 1024 * 1024

/** Resources of this process, compared before and after a test. */
@OptIn(ExperimentalCoroutinesApi::class)
private class ProcessResources(
    val threads: Set<String>,
    val coroutines: List<String>,
    val sockets: Int,
    val heap: Long,
) {
    companion object {
        fun now(): ProcessResources {
            System.gc()
            val runtime = Runtime.getRuntime()
            return ProcessResources(
                // without the threads of shared pools, which end when idle
                threads = threadNames().filterNot { it.startsWith("Default") }.toSet(),
                coroutines = coroutines(),
                sockets = openSockets(),
                heap = runtime.totalMemory() - runtime.freeMemory(),
            )
        }

        private fun threadNames(): List<String> = Thread.getAllStackTraces().keys.map { it.name }

        /** All coroutines of this process: those of engines, servers and clients have no common name. */
        private fun coroutines(): List<String> =
            DebugProbes.dumpCoroutinesInfo().map {
                "${it.state} ${it.context} ${it.lastObservedStackTrace().firstOrNull()}"
            }

        private fun openSockets(): Int =
            File("/proc/self/fd").listFiles().orEmpty().count { file ->
                try {
                    Files.readSymbolicLink(file.toPath()).toString().startsWith("socket:")
                } catch (_: IOException) {
                    false // closed in the meantime
                }
            }
    }
}
