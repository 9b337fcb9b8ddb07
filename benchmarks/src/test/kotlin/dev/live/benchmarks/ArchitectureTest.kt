package dev.live.benchmarks

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import java.io.File

/** Each package imports only those to its left. `sync` runs one microbenchmark. */
private val LAYERS =
    listOf(
        "cli",
        "load.generator",
        "load.server",
        "load.peer",
        "load.report",
        "load.client",
        "load.compression",
        "load.soak",
        "micro",
        "load.sync",
    )

class ArchitectureTest : FunSpec({
    val home = File("src/main/kotlin/dev/live/benchmarks")
    val imports =
        LAYERS.associateWith { layer ->
            home.resolve(layer.replace('.', '/')).walk().filter { it.extension == "kt" }
                .flatMap { it.readLines() }
                .filter { it.startsWith("import dev.live.benchmarks.") }
                .map { it.removePrefix("import dev.live.benchmarks.").substringBeforeLast('.') }
                .toSet()
        }

    test("packages are layers") {
        val folders = home.walk().filter { it.extension == "kt" && it.parentFile != home }.map { it.parentFile }
        folders.map { it.relativeTo(home).path.replace('/', '.') }.toSet() shouldBe LAYERS.toSet()

        imports.flatMap { (layer, used) ->
            used.filterNot { it in LAYERS.take(LAYERS.indexOf(layer) + 1) }.map { "$layer: $it" }
        }.shouldBeEmpty()
    }

    test("microbenchmarks do not use whole servers") {
        (imports.getValue("micro") - "cli").shouldBeEmpty()
    }
})
