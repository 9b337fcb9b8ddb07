package dev.live.client

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import java.io.File

class ArchitectureTest : FunSpec({

    test("a package imports only packages of lower layers") {
        val violations =
            sources.flatMap { file ->
                val layer = layerOf(file.packageName)
                file.imports
                    .filter { it.startsWith(ROOT) }
                    .filter { layers.indexOf(layerOf(it.substringBeforeLast('.'))) > layers.indexOf(layer) }
                    .map { "${file.path} imports $it" }
            }

        violations.shouldBeEmpty()
    }

    test("every package is a layer, and every layer has sources") {
        sources.map { layerOf(it.packageName) }.toSet() shouldBe layers.toSet()
    }

    test("common code uses no JVM API") {
        val violations =
            sources
                .filter { "commonMain" in it.path }
                .flatMap { file ->
                    file.imports.filter { it.startsWith("java.") || it.startsWith("javax.") }
                        .map { "${file.path}: $it" }
                }

        violations.shouldBeEmpty()
    }

    test("the server is not imported") {
        sources.flatMap { it.imports }.filter { it.startsWith("dev.live.server") }.shouldBeEmpty()
    }

    test("no unowned scope, no blocking call, no unlimited queue") {
        val banned = listOf("GlobalScope", "runBlocking", "Channel.UNLIMITED", "minusKey(Job)", "runCatching")

        sources.flatMap { file -> banned.filter { it in file.text }.map { "${file.path}: $it" } }.shouldBeEmpty()
    }
})

private const val ROOT = "dev.live.client"

/** The layers from low to high. The root package is "". */
private val layers = listOf("transport", "topic", "connection", "testing", "", "java")

private class Source(val path: String, val text: String) {
    val packageName = text.lineSequence().first { it.startsWith("package ") }.removePrefix("package ").trim()
    val imports =
        text.lineSequence().filter { it.startsWith("import ") }.map { it.removePrefix("import ").trim() }.toList()
}

private val sources =
    File("src")
        .walk()
        .filter { it.extension == "kt" && ("commonMain" in it.path || "jvmMain" in it.path) }
        .map { Source(it.path, it.readText()) }
        .toList()

private fun layerOf(packageName: String): String = packageName.removePrefix(ROOT).removePrefix(".").substringBefore('.')
