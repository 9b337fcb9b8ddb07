package dev.live.benchmarks.report

import java.io.File

/** Writes the report from what was measured before: a page of Markdown, and plots beside it. */
internal class Rendering(private val records: Records, private val out: File) {
    private val all = records.all()
    private val plots = out.absoluteFile.parentFile.resolve("plots")

    fun run() {
        plots.mkdirs()
        out.writeText(
            buildString {
                appendHeader(records.machine())
                for (case in Case.ALL) {
                    val mine = all.filter { it.case == case.name }
                    if (mine.isNotEmpty()) appendCase(case, mine)
                }
                append(DerivedTables(all).render())
                appendElsewhere()
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
        appendLine("What is measured and how to read it: [README.md](${readme.invariantSeparatorsPath}).")
        appendLine()
        appendLine("- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memory} of memory, ${machine.kernel}")
        appendLine("- JVM: ${machine.java}; options of the servers: `${machine.jvmArguments}`")
        appendLine("- Versions: ${machine.versions.entries.joinToString { "${it.key} ${it.value}" }}")
        val cores = if (machine.pinned) "the server bound to core 0, the generator to core 1" else "not bound to cores"
        appendLine("- Rounds: $rounds, servers interleaved, windows of ${number(window, 0)} s; $cores")
        appendLine("- ×: median over the rounds of the ratio within a round. Spread: lowest and highest round.")
    }

    /** What commands of their own have measured, with a machine of their own. */
    private fun StringBuilder.appendElsewhere() {
        for (page in listOf("client/CLIENT.md", "sync/SYNC.md", "android/SIZE.md")) {
            val file = records.directory.resolve(page)
            if (!file.exists()) continue
            appendLine()
            val text = file.readText().replace("](../../../", "](../") // links, from two folders further up
            append(text.lineSequence().joinToString("\n") { if (it.startsWith("#")) "#$it" else it })
        }
    }

    private fun StringBuilder.appendCase(case: Case, mine: List<Record>) {
        appendLine()
        appendLine("## ${case.title}")
        appendLine()
        val table =
            when (case.name) {
                Case.IDLE -> MemoryTable(mine)
                Case.RATE -> LatencyTable(mine)
                else -> ThroughputTable(mine)
            }
        append(table.render())
        val bars = table.bars()
        if (bars.isEmpty()) return
        plots.resolve("${case.name}.svg").writeText(barChart("${case.title}: ${table.unit}", bars))
        appendLine()
        appendLine("![${case.title}](plots/${case.name}.svg)")
    }
}
