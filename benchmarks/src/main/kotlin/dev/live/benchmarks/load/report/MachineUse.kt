package dev.live.benchmarks.load.report

import dev.live.benchmarks.load.generator.CpuTimes
import dev.live.benchmarks.load.generator.LoadResult
import dev.live.benchmarks.load.generator.ProcessStats
import kotlinx.serialization.Serializable
import java.io.File

/**
 * The load of a machine while nothing is measured.
 *
 * @property load the load average of the last minute. It decays slowly, so it does not decide whether the machine is
 *   quiet
 * @property otherCpu CPU time of all processes, in cores
 * @property steal time that the hypervisor gave to other machines, in cores
 * @property processes the processes with the most CPU time, each with its identifier and its cores
 */
@Serializable
internal data class MachineUse(
    val load: Double,
    val otherCpu: Double,
    val steal: Double,
    val processes: List<String> = emptyList(),
) {
    val isQuiet: Boolean get() = isQuiet(otherCpu, steal)

    fun describe(): String =
        "load ${number(load, 2)}, other processes ${number(otherCpu, 2)} cores, steal ${number(steal, 2)} cores" +
            if (processes.isEmpty()) "" else "; ${processes.joinToString()}"

    companion object {
        private const val SHOWN = 3
        private const val LEAST_CORES = 0.01

        /** Watches the machine for [millis]. Null on other systems than Linux. */
        fun sample(millis: Long): MachineUse? {
            val before = CpuTimes.now() ?: return null
            val processesBefore = processes()
            val start = System.nanoTime()
            Thread.sleep(millis)
            val seconds = (System.nanoTime() - start) / 1e9
            val used = CpuTimes.now()?.minus(before) ?: return null
            return MachineUse(
                load = File("/proc/loadavg").readText().substringBefore(' ').toDouble(),
                otherCpu = used.busy / seconds,
                steal = used.steal / seconds,
                processes = busiest(processesBefore, processes(), seconds),
            )
        }

        private class ProcessUse(val name: String, val cpu: Double)

        private fun processes(): Map<Long, ProcessUse> =
            File("/proc").list().orEmpty().mapNotNull { it.toLongOrNull() }.minus(ProcessHandle.current().pid())
                .mapNotNull { pid -> use(pid)?.let { pid to it } }.toMap()

        private fun use(pid: Long): ProcessUse? =
            try {
                val name = File("/proc/$pid/comm").readText().trim()
                ProcessStats(pid).cpuSeconds()?.let { ProcessUse(name, it) }
            } catch (_: java.io.IOException) {
                null // the process ended
            }

        private fun busiest(
            before: Map<Long, ProcessUse>,
            after: Map<Long, ProcessUse>,
            seconds: Double,
        ): List<String> =
            after.map { (pid, use) -> Triple(pid, use.name, (use.cpu - (before[pid]?.cpu ?: 0.0)) / seconds) }
                .filter { it.third >= LEAST_CORES }
                .sortedByDescending { it.third }
                .take(SHOWN)
                .map { (pid, name, cores) -> "$name (pid $pid) ${number(cores, 2)}" }
    }
}

/** True if nothing else could change a result by more than a few percent. Arguments are in cores; null: unknown. */
internal fun isQuiet(otherCpu: Double?, steal: Double?): Boolean =
    (otherCpu ?: 0.0) <= MAX_OTHER_CORES && (steal ?: 0.0) <= MAX_STOLEN_CORES

/** True if other processes or the hypervisor took part of the machine during this measurement. */
internal val LoadResult.isDisturbed: Boolean get() = !isQuiet(otherCpu, steal)

private const val MAX_OTHER_CORES = 0.1
private const val MAX_STOLEN_CORES = 0.05
