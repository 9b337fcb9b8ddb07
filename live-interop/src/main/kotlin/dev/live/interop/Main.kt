package dev.live.interop

import java.io.File
import kotlin.system.exitProcess

/** Tests the languages in [args], by default all, and writes `docs/interoperability.md`. Called by `interop.sh`. */
fun main(args: Array<String>) {
    val unknown = args.filter { name -> Catalog.all.none { it.name == name } }
    require(unknown.isEmpty()) { "Unknown language: $unknown. Known languages: ${Catalog.all.map { it.name }}." }
    val languages = Catalog.all.filter { args.isEmpty() || it.name in args }
    val results = Suite.run(languages)

    val problems =
        results.encoders.mapNotNull { Rows.problem(it) } +
            results.clients.mapNotNull { Rows.problem(it) } +
            results.programs.mapNotNull { (file, problem) -> problem?.let { "$file: $it" } }
    problems.forEach { println("! $it") }
    page().write(
        languages.map { it.name }.toSet(),
        results.encoders.groupBy({ it.entry.codec }) { Rows.of(it) },
        results.clients.map { Rows.of(it) },
        results.clients.mapNotNull { Rows.compressionOf(it) },
    )
    println(
        "${results.encoders.size} encoders, ${results.clients.size} clients, ${results.programs.size} programs, " +
            "${problems.size} problems",
    )
    exitProcess(if (problems.isEmpty()) 0 else 1)
}

/** The page with its sources, in the folder of this module. */
fun page(): Page =
    Page(File(home, "../docs/interoperability.md"), File(home, "page.md"), File(home, "languages"))
