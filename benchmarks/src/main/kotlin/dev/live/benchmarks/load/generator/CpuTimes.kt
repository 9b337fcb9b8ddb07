package dev.live.benchmarks.load.generator

import java.io.File

/**
 * CPU time of the whole machine since its start, from Linux's `/proc/stat`, in seconds summed over all cores.
 *
 * @property busy time of all processes. Interrupts are excluded, because they include the kernel's work for the
 *   measured traffic
 * @property steal time that the hypervisor gave to other machines although this one had work
 */
internal data class CpuTimes(val busy: Double, val steal: Double) {
    operator fun minus(other: CpuTimes): CpuTimes = CpuTimes(busy - other.busy, steal - other.steal)

    companion object {
        /** The times until now, or null on other systems than Linux. */
        fun now(): CpuTimes? = File("/proc/stat").takeIf { it.exists() }?.useLines { parse(it.first()) }

        /** Parses the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal and others. */
        fun parse(line: String): CpuTimes {
            val fields = line.trim().split(Regex(" +")).drop(1).map { it.toLong() / TICKS_PER_SECOND }
            return CpuTimes(busy = BUSY.sumOf { fields[it] }, steal = fields.getOrElse(STEAL) { 0.0 })
        }

        private val BUSY = 0..2
        private const val STEAL = 7
        private const val TICKS_PER_SECOND = 100.0 // USER_HZ, the same on every Linux system that Java supports
    }
}
