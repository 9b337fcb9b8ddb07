package dev.live.benchmarks.load.report

import java.io.File

/** Renders the report from the stored results: a Markdown page and its plots. */
internal class ReportRenderer(private val records: ResultStore, private val out: File) {
    private val all = records.all()
    private val plots = out.absoluteFile.parentFile.resolve("plots")

    fun run() {
        plots.mkdirs()
        out.writeText(
            buildString {
                appendHeader(records.machine())
                append(GoalTable(all).render())
                for (case in Case.ALL) {
                    val caseRecords = all.filter { it.case == case.name }
                    if (caseRecords.isNotEmpty()) appendCase(case, caseRecords)
                }
                append(DerivedTables(all).render())
                appendIncludedPages()
            },
        )
    }

    private fun StringBuilder.appendHeader(machine: Machine) {
        val rounds = all.maxOfOrNull { it.round } ?: 0
        val window = all.maxOfOrNull { it.result.seconds } ?: 0.0
        appendLine("# Results")
        appendLine()
        appendLine(
            "Made by `java -jar benchmarks/target/benchmarks.jar ${machine.command}` at commit ${machine.commit} " +
                "(raw results beside this file; do not edit).",
        )
        val readme = File("benchmarks/README.md").absoluteFile.relativeTo(out.absoluteFile.parentFile)
        appendLine("Method and definitions: [README.md](${readme.invariantSeparatorsPath}).")
        appendLine()
        appendLine("- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memory} of memory, ${machine.kernel}")
        appendUse(machine)
        appendLine("- JVM: ${machine.java}; options of the servers: `${machine.jvmArguments}`")
        appendLine("- Versions: ${machine.versions.entries.joinToString { "${it.key} ${it.value}" }}")
        val cores = if (machine.pinned) "the server bound to core 0, the generator to core 1" else "not bound to cores"
        appendLine("- Rounds: $rounds, servers interleaved, windows of ${number(window, 0)} s; $cores")
        appendLine("- ×: median over the rounds of the ratio within a round. Spread: lowest and highest round.")
    }

    private fun StringBuilder.appendUse(machine: Machine) {
        machine.use?.let { appendLine("- Before the measurements: ${it.describe()}") }
        val others = all.mapNotNull { it.result.otherCpu }
        val stolen = all.mapNotNull { it.result.steal }
        if (others.isEmpty() || stolen.isEmpty()) return
        val disturbed = all.count { it.result.isDisturbed }
        appendLine(
            "- During the measurements: other processes ${medianAndMaximum(others)} cores, " +
                "steal ${medianAndMaximum(stolen)}. " +
                "$disturbed of ${others.size} results were disturbed; each is listed below its table",
        )
    }

    private fun medianAndMaximum(values: List<Double>): String =
        "${number(values.median(), 2)} in the median and ${number(values.max(), 2)} at most"

    /** Names the commit and the processor of a case that was not measured together with the latest one. */
    private fun StringBuilder.appendOrigin(caseRecords: List<Record>) {
        val machine = records.machine()
        val others = caseRecords.map { it.commit to it.cpu }.distinct().filter { it != machine.commit to machine.cpu }
        for ((commit, cpu) in others) {
            appendLine("\nMeasured at commit ${commit ?: "unknown"} on ${cpu ?: "an unknown processor"}.")
        }
    }

    /** Appends the pages of other commands, which include their own machine description. */
    private fun StringBuilder.appendIncludedPages() {
        for (page in listOf("client/CLIENT.md", "sync/SYNC.md", "compression/COMPRESSION.md", "android/SIZE.md")) {
            val file = records.directory.resolve(page)
            if (!file.exists()) continue
            appendLine()
            val text = file.readText().replace("](../../../", "](../") // adjusts links from two folders further down
            append(text.lineSequence().joinToString("\n") { if (it.startsWith("#")) "#$it" else it })
        }
    }

    private fun StringBuilder.appendCase(case: Case, caseRecords: List<Record>) {
        appendLine()
        appendLine("## ${case.title}")
        appendLine()
        val table =
            when (case.kind) {
                CaseKind.MEMORY -> MemoryTable(caseRecords)
                CaseKind.LATENCY -> LatencyTable(caseRecords)
                CaseKind.BLOCKING -> LatencyTable(caseRecords, isBlocking = true)
                CaseKind.THROUGHPUT -> ThroughputTable(caseRecords)
            }
        append(table.render())
        appendOrigin(caseRecords)
        val bars = table.bars()
        if (bars.isEmpty()) return
        plots.resolve("${case.name}.svg").writeText(barChart("${case.title}: ${table.unit}", bars))
        appendLine()
        appendLine("![${case.title}](plots/${case.name}.svg)")
    }
}
