package dev.live.benchmarks.load.generator

import java.io.File

/**
 * Statistics of the process [pid] from Linux's `/proc`. All values are null on other systems and for a process that has
 * ended.
 */
internal class ProcessStats(val pid: Long) {
    /** CPU time used so far in user and kernel mode, in seconds, with a resolution of 10 ms. */
    fun cpuSeconds(): Double? {
        val stat = read("/proc/$pid/stat") ?: return null
        // the second field is the command in parentheses and may contain spaces
        val fields = stat.substringAfterLast(')').trim().split(' ')
        return (fields[UTIME].toLong() + fields[STIME].toLong()) / TICKS_PER_SECOND
    }

    /** Resident memory in bytes: heap, metaspace, buffers and code. */
    fun residentBytes(): Long? = status("VmRSS")?.let { it * 1024 }

    /** Threads, including the JVM's own. */
    fun threads(): Long? = status("Threads")

    /** Open file descriptors: sockets, files, pipes. */
    fun descriptors(): Long? = File("/proc/$pid/fd").list()?.size?.toLong()

    private fun status(field: String): Long? =
        read("/proc/$pid/status")
            ?.lineSequence()
            ?.find { it.startsWith("$field:") }
            ?.let { line -> line.filter { it.isDigit() }.toLong() }

    /** The executable, such as `/usr/lib/jvm/java-17/bin/java`. */
    fun executable(): File? = File("/proc/$pid/exe").takeIf { it.exists() }?.canonicalFile

    private fun read(path: String): String? = File(path).takeIf { it.exists() }?.readText()

    companion object {
        fun self(): ProcessStats = ProcessStats(ProcessHandle.current().pid())

        private const val UTIME = 11 // index after the command field
        private const val STIME = 12
        private const val TICKS_PER_SECOND = 100.0 // USER_HZ, the same on every Linux system that Java supports
    }
}
