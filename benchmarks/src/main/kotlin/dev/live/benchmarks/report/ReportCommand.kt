package dev.live.benchmarks.report

import dev.live.benchmarks.Options
import dev.live.benchmarks.UsageException
import java.io.File

/** What `report` was asked for; see the README of this module. */
internal class ReportPlan(
    val servers: (Case) -> List<Server>,
    val cases: List<Case>,
    val rounds: Int,
    val warmup: Double,
    val seconds: Double,
    val jvms: Map<String, List<String>>,
    val results: File,
    val out: File,
    val command: String,
)

/** `report …`: measures every server in every case in every round, and writes tables and plots. */
internal fun runReport(args: List<String>) {
    val valued =
        setOf("peers", "cases", "rounds", "out", "results", "java", "jvm-args", "variants", "warmup", "seconds")
    val options = Options(args, valued, switches = setOf("quick", "render-only", "fresh"))
    val isQuick = "quick" in options
    // a quick run proves that everything works; its numbers must not replace real ones
    val home = if (isQuick) File("benchmarks/target/quick") else File("benchmarks")
    val java = options.text("java") ?: ProcessHandle.current().info().command().orElse("java")
    val jvm =
        listOf(java) +
            options.text("jvm-args", "-XX:+UseParallelGC -Xmx2g -Xmn256m").split(' ').filter { it.isNotEmpty() }
    val variants = options.text("variants")?.let(::parseVariants).orEmpty()
    val chosen = options.list("peers")?.map(Server::named)
    val plan =
        ReportPlan(
            servers = { case ->
                val servers = chosen ?: case.servers.map(Server::named)
                if (variants.isEmpty()) servers else servers.flatMap { it.inVariants(variants.keys) }
            },
            cases = options.list("cases")?.map(Case::named) ?: Case.ALL,
            rounds = options.int("rounds", if (isQuick) 1 else 3),
            warmup = options.text("warmup", if (isQuick) "1" else "8").toDouble(),
            seconds = options.text("seconds", if (isQuick) "2" else "4").toDouble(),
            jvms = variants.ifEmpty { Server.ALL.associate { it.name to jvm } },
            results = options.text("results")?.let(::File) ?: home.resolve("results"),
            out = options.text("out")?.let(::File) ?: home.resolve("RESULTS.md"),
            command = (listOf("report") + args).joinToString(" "),
        )
    if ("fresh" in options) plan.results.listFiles { file -> file.extension == "json" }?.forEach { it.delete() }
    val records = Records(plan.results)
    if ("render-only" !in options) Measuring(plan, records, java, jvm).run()
    Rendering(records, plan.out).run()
    println("${plan.out} is written")
}

/** Reads `name=java options;name=java options`: the ways in which every JVM server is run. */
internal fun parseVariants(text: String): Map<String, List<String>> =
    text.split(';').filter { it.isNotBlank() }.associate { variant ->
        val (name, command) =
            variant.split('=', limit = 2).takeIf { it.size == 2 }
                ?: throw UsageException("a variant is 'name=java options', was '$variant'")
        name.trim() to command.trim().split(' ').filter { it.isNotEmpty() }
    }

private fun Server.inVariants(variants: Set<String>): List<Server> =
    if (isJvm) variants.map { renamed("$name@$it") } else listOf(this)
