package dev.live.benchmarks.load.report

import com.github.ajalt.clikt.parameters.options.convert
import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.flag
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.options.split
import com.github.ajalt.clikt.parameters.types.choice
import com.github.ajalt.clikt.parameters.types.double
import com.github.ajalt.clikt.parameters.types.enum
import com.github.ajalt.clikt.parameters.types.file
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.restrictTo
import dev.live.benchmarks.cli.BenchmarkCommand
import java.io.File

/** The measurements of one `report`. See the README of this module. */
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
    val isBusyAllowed: Boolean = false,
    val isFresh: Boolean = false,
)

/**
 * `report …`: measures every server in every case and round, and writes tables and plots.
 *
 * @param commandLine all arguments of the process, for the header of the report
 */
internal class ReportCommand(private val commandLine: String) :
    BenchmarkCommand("report", "Measures every server in every case, and writes tables and plots.") {
    private val quick by option(help = "one short round, which proves that everything works").flag()
    private val renderOnly by option(help = "render the stored results, without a measurement").flag()
    private val fresh by option(help = "delete the stored results of the selected cases first").flag()
    private val busy by option(help = "measure although other processes use the CPU").flag()
    private val suite by option(help = "cases that answer one question, without the slower peers")
        .enum<Suite> { it.name.lowercase() }
    private val peers by option(help = "servers; those of each case by default: ${Server.ALL.joinToString { it.name }}")
        .choice(Server.ALL.associateBy { it.name }, metavar = "name,name").split(",")
    private val cases by option(help = "cases; all by default: ${Case.ALL.joinToString { it.name }}")
        .choice(Case.ALL.associateBy { it.name }, metavar = "name,name").split(",")
    private val rounds by option(help = "rounds; 3 by default").int().restrictTo(min = 1)
    private val warmup by option(help = "seconds before each measurement; 8 by default").double().restrictTo(min = 0.0)
    private val seconds by option(help = "seconds of each measurement; 4 by default").double().restrictTo(min = 0.0)
    private val java by option(help = "java executable of the servers").default(ownJava())
    private val jvmArgs by option(help = "options of the servers' JVM").default("-XX:+UseParallelGC -Xmx2g -Xmn256m")
    private val variants by option(help = "JVMs to compare: 'name=java options;name=java options'")
        .convert("variants") { parseVariants(it) }.default(emptyMap(), defaultForHelp = "")
    private val results by option(help = "folder of the stored results").file(canBeFile = false)
    private val out by option(help = "file for the report").file(canBeDir = false)

    override fun run() {
        // quick results only prove that everything works and must not replace real ones
        val home = if (quick) File("benchmarks/target/quick") else File("benchmarks")
        val jvm = listOf(java) + words(jvmArgs)
        val plan =
            ReportPlan(
                servers = { case ->
                    val servers = peers ?: (suite?.servers(case) ?: case.servers).map(Server::named)
                    if (variants.isEmpty()) servers else servers.flatMap { it.inVariants(variants.keys) }
                },
                cases = cases ?: suite?.let { s -> Case.ALL.filter { it.name in s.cases } } ?: Case.ALL,
                rounds = rounds ?: if (quick) 1 else 3,
                warmup = warmup ?: if (quick) 1.0 else 8.0,
                seconds = seconds ?: if (quick) 2.0 else 4.0,
                jvms = variants.ifEmpty { Server.ALL.associate { it.name to jvm } },
                results = results ?: home.resolve("results"),
                out = out ?: home.resolve("RESULTS.md"),
                command = commandLine,
                isBusyAllowed = busy || quick,
                isFresh = fresh,
            )
        val records = ResultStore(plan.results)
        if (!renderOnly) ReportRunner(plan, records, java, jvm).run()
        ReportRenderer(records, plan.out).run()
        println("wrote ${plan.out}")
    }
}

/**
 * Parses `name=java options;name=java options`: the JVM variants of every JVM server.
 *
 * @throws IllegalArgumentException if a variant has no `=`
 */
internal fun parseVariants(text: String): Map<String, List<String>> =
    text.split(';').filter { it.isNotBlank() }.associate { variant ->
        require('=' in variant) { "a variant must be 'name=java options', was '$variant'" }
        variant.substringBefore('=').trim() to words(variant.substringAfter('='))
    }

private fun words(text: String): List<String> = text.split(' ').filter { it.isNotEmpty() }

private fun ownJava(): String = ProcessHandle.current().info().command().orElse("java")

private fun Server.inVariants(variants: Set<String>): List<Server> =
    if (isJvm) variants.map { renamed("$name@$it") } else listOf(this)
