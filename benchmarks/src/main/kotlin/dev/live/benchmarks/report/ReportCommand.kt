package dev.live.benchmarks.report

import dev.live.benchmarks.Options
import dev.live.benchmarks.UsageException
import java.io.File

/** The options of `report`. See the README of this module. */
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

/** `report …`: measures every server in every case and round, and writes tables and plots. */
internal fun runReport(args: List<String>) {
    val valued =
        setOf("peers", "cases", "rounds", "out", "results", "java", "jvm-args", "variants", "warmup", "seconds")
    val options = Options(args, valued, switches = setOf("quick", "render-only", "fresh"))
    val isQuick = "quick" in options
    // quick results only prove that everything works and must not replace real ones
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
    val records = ResultStore(plan.results)
    if ("render-only" !in options) ReportRunner(plan, records, java, jvm).run()
    ReportRenderer(records, plan.out).run()
    println("wrote ${plan.out}")
}

/** Parses `name=java options;name=java options`: the JVM variants of every JVM server. */
internal fun parseVariants(text: String): Map<String, List<String>> =
    text.split(';').filter { it.isNotBlank() }.associate { variant ->
        val (name, command) =
            variant.split('=', limit = 2).takeIf { it.size == 2 }
                ?: throw UsageException("a variant must be 'name=java options', was '$variant'")
        name.trim() to command.trim().split(' ').filter { it.isNotEmpty() }
    }

private fun Server.inVariants(variants: Set<String>): List<Server> =
    if (isJvm) variants.map { renamed("$name@$it") } else listOf(this)
