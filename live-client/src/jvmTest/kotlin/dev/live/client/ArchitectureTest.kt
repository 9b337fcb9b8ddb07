package dev.live.client

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import java.io.File

class ArchitectureTest : FunSpec({

    test("a room imports only rooms to its left") {
        val wrong =
            sources.flatMap { file ->
                val room = roomOf(file.packageName)
                file.imports
                    .filter { it.startsWith(ROOT) }
                    .filter { rooms.indexOf(roomOf(it.substringBeforeLast('.'))) > rooms.indexOf(room) }
                    .map { "${file.path} imports $it" }
            }

        wrong.shouldBeEmpty()
    }

    test("every package is a room, and every room has sources") {
        sources.map { roomOf(it.packageName) }.toSet() shouldBe rooms.toSet()
    }

    test("common code uses nothing of the JVM") {
        val wrong =
            sources
                .filter { "commonMain" in it.path }
                .flatMap { file ->
                    file.imports.filter { it.startsWith("java.") || it.startsWith("javax.") }
                        .map { "${file.path}: $it" }
                }

        wrong.shouldBeEmpty()
    }

    test("the server is not imported") {
        sources.flatMap { it.imports }.filter { it.startsWith("dev.live.server") }.shouldBeEmpty()
    }

    test("no scope without an owner, no blocking, no unlimited queue") {
        val banned = listOf("GlobalScope", "runBlocking", "Channel.UNLIMITED", "minusKey(Job)", "runCatching")

        sources.flatMap { file -> banned.filter { it in file.text }.map { "${file.path}: $it" } }.shouldBeEmpty()
    }
})

private const val ROOT = "dev.live.client"

/** From left to right. The root, which has no name of its own, is "". */
private val rooms = listOf("transport", "topic", "connection", "", "java")

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

private fun roomOf(packageName: String): String = packageName.removePrefix(ROOT).removePrefix(".").substringBefore('.')
