package dev.live.benchmarks.load.report

import kotlinx.serialization.Serializable
import java.io.File
import java.io.IOException
import java.util.Properties

/**
 * The machine and the versions of a measurement, stored with the results.
 *
 * @property use what the machine did before the measurement; null if unknown
 */
@Serializable
internal data class Machine(
    val cpu: String,
    val cores: Int,
    val memory: String,
    val kernel: String,
    val java: String,
    val jvmArguments: String,
    val pinned: Boolean,
    val versions: Map<String, String>,
    val commit: String = "unknown",
    val command: String = "report",
    val use: MachineUse? = null,
) {
    companion object {
        /**
         * This machine and the current commit. Works outside of the repository, where the commit is unknown.
         *
         * @param packages versions of the packages of other servers and clients that take part, by name
         */
        fun here(
            java: String,
            jvmArguments: String,
            pinned: Boolean,
            command: String,
            packages: Map<String, String> = emptyMap(),
            use: MachineUse? = null,
        ): Machine =
            Machine(
                cpu = processor(),
                cores = Runtime.getRuntime().availableProcessors(),
                memory = field("/proc/meminfo", "MemTotal") ?: "unknown",
                kernel = "${System.getProperty("os.name")} ${System.getProperty("os.version")}",
                java = javaVersion(java),
                jvmArguments = jvmArguments,
                pinned = pinned,
                versions = (versions() + packages).toSortedMap(),
                commit = commit(),
                command = command,
                use = use,
            )

        /**
         * The name of the processor. A virtual machine often hides the marketing name, so family, model and stepping,
         * which identify the generation, are added.
         */
        fun processor(): String = processor(File("/proc/cpuinfo").takeIf { it.exists() }?.readText().orEmpty())

        /** As [processor], from the contents of `/proc/cpuinfo`. The name of the architecture if it has no names. */
        fun processor(cpuinfo: String): String {
            val fields =
                cpuinfo.lineSequence().takeWhile { it.isNotBlank() }
                    .associate { it.substringBefore(':').trim() to it.substringAfter(':', "").trim() }
            val name = fields["model name"] ?: return System.getProperty("os.arch")
            val family = fields["cpu family"] ?: return name
            return "$name (family $family, model ${fields["model"]}, stepping ${fields["stepping"]}, " +
                "${fields["cache size"] ?: "unknown"} cache)"
        }

        /** The current commit, with a note about uncommitted changes outside the results. */
        private fun commit(): String {
            val hash = outputOf("git", "rev-parse", "--short=12", "HEAD") ?: return "unknown"
            val others = listOf(":/", ":(top,exclude)benchmarks/results")
            val changes = outputOf("git", "status", "--porcelain", "--untracked-files=no", "--", *others.toTypedArray())
            return if (changes.isNullOrEmpty()) hash else "$hash and uncommitted changes"
        }

        private fun versions(): Map<String, String> {
            val properties = Properties()
            Machine::class.java.getResourceAsStream("/versions.properties").use(properties::load)
            val versions = properties.entries.associate { (name, version) -> name.toString() to version.toString() }
            val node = outputOf("node", "--version") ?: return versions
            return versions + ("Node" to node.removePrefix("v"))
        }

        /** The version line of `java -version`, which goes to standard error. */
        private fun javaVersion(java: String): String =
            outputOf(java, "-version")?.lines()?.find { "Runtime" in it } ?: "unknown"

        /** The output of a command, or null if it does not exist or fails. */
        private fun outputOf(vararg command: String): String? =
            try {
                val process = ProcessBuilder(*command).redirectErrorStream(true).start()
                val output = process.inputStream.bufferedReader().readText().trim()
                output.takeIf { process.waitFor() == 0 }
            } catch (_: IOException) {
                null
            }

        private fun field(file: String, name: String): String? =
            File(file)
                .takeIf { it.exists() }
                ?.useLines { lines -> lines.find { it.startsWith(name) } }
                ?.substringAfter(':')
                ?.trim()
    }
}
