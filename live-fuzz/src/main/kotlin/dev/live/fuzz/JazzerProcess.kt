package dev.live.fuzz

import java.io.File
import java.nio.file.Files

/** Runs Jazzer on one target in a separate process, because Jazzer instruments the classes of its process. */
internal class JazzerProcess(private val target: FuzzTarget) {
    private val work = RepositoryPaths.workOf(target)
    private val log = File(work, "log.txt")

    /** Working corpus: inputs that earlier executions found. It is separate from the corpus in the repository. */
    private val workingCorpus = File(work, "found")
    private val seeds = File(work, "seeds")
    private val crashes = File(work, "crashes")

    /**
     * Fuzzes for [seconds] and prints one line. Returns false if an input violated an invariant; the input is then in
     * `crashes`.
     */
    fun fuzz(seconds: Long): Boolean {
        prepare()
        val corpus = RepositoryPaths.corpusOf(target).apply { mkdirs() }
        val code = jazzer("-max_total_time=$seconds", workingCorpus.path, seeds.path, corpus.path)
        val crash = crashes.listFiles().orEmpty().maxByOrNull { it.lastModified() }
        if (code == 0 && crash == null) {
            println("fuzz ${target.name}: no crash in $seconds s. ${lastStatus()}")
            return true
        }
        println("fuzz ${target.name}: CRASH, exit code $code. Input: ${crash ?: "see the log"}. Log: $log")
        println(firstFailure())
        return false
    }

    /** Writes the smallest set of inputs with the coverage of all known inputs to the repository. */
    fun minimize(): Boolean {
        prepare()
        val corpus = RepositoryPaths.corpusOf(target).apply { mkdirs() }
        val merged = File(work, "merged").apply { deleteRecursively() }.apply { mkdirs() }
        val code = jazzer("-merge=1", merged.path, corpus.path, workingCorpus.path, seeds.path)
        if (code != 0) {
            println("minimize ${target.name}: exit code $code. Log: $log")
            return false
        }
        corpus.deleteRecursively()
        merged.copyRecursively(corpus)
        println("minimize ${target.name}: ${corpus.list().orEmpty().size} inputs")
        return true
    }

    private fun prepare() {
        for (folder in listOf(work, workingCorpus, crashes)) folder.mkdirs()
        crashes.listFiles().orEmpty().forEach { it.delete() }
        seeds.deleteRecursively()
        seeds.mkdirs()
        target.seeds().forEachIndexed { i, seed -> File(seeds, "seed-$i").writeBytes(seed) }
        File(work, "words.txt").writeText(target.dictionary.joinToString("") { "\"${quoted(it)}\"\n" })
    }

    private fun jazzer(vararg arguments: String): Int {
        val command =
            listOf(
                File(System.getProperty("java.home"), "bin/java").path,
                "-Xmx$HEAP",
                "-XX:+UseSerialGC",
                "-XX:+EnableDynamicAgentLoading",
                "-Xshare:off",
                "-Dlive.fuzz.target=${target.name}",
                "-cp",
                System.getProperty("java.class.path"),
                "com.code_intelligence.jazzer.Jazzer",
                "--target_class=${JazzerEntry::class.java.name}",
                "--instrumentation_includes=$LIVE",
                // Jazzer's hooks for libraries take seconds at each start and detect vulnerabilities that do not apply
                // to live
                "--custom_hook_includes=$LIVE",
                "--reproducer_path=$crashes",
                "-artifact_prefix=$crashes/",
                "-rss_limit_mb=0",
                "-timeout=$TIMEOUT",
                "-max_len=${target.maxLength}",
                "-print_final_stats=1",
            ) + (if (target.dictionary.isEmpty()) emptyList() else listOf("-dict=$work/words.txt")) + arguments
        val process = ProcessBuilder(
            lowPriority(command),
        ).directory(work).redirectErrorStream(true).redirectOutput(log).start()
        val hook = Thread { process.destroyForcibly() }
        Runtime.getRuntime().addShutdownHook(hook)
        return process.waitFor().also { Runtime.getRuntime().removeShutdownHook(hook) }
    }

    /** Runs the command with low priority. */
    private fun lowPriority(command: List<String>): List<String> =
        if (File("/usr/bin/nice").canExecute()) listOf("/usr/bin/nice", "-n", "15") + command else command

    /** The last status of libFuzzer: the number of executed inputs and the coverage. */
    private fun lastStatus(): String {
        val lines = log.readLines()
        val executed = lines.find { "number_of_executed_units" in it }?.substringAfterLast(' ') ?: "?"
        val covered = lines.lastOrNull { " cov: " in it }?.substringAfter(" cov: ")?.substringBefore(' ') ?: "?"
        return "$executed inputs, $covered branches"
    }

    private fun firstFailure(): String =
        log.readLines().dropWhile { !it.startsWith("== ") && "ERROR" !in it }.take(FAILURE_LINES).joinToString("\n")

    private fun quoted(word: String): String = word.replace("\\", "\\\\").replace("\"", "\\\"")

    private companion object {
        const val HEAP = "512m"
        const val LIVE = "dev.live.protocol.**:dev.live.server.**:dev.live.client.**"

        /** Seconds for one input. An input takes less than a tenth of a second, but the machine may be busy. */
        const val TIMEOUT = 60
        const val FAILURE_LINES = 40
    }
}
