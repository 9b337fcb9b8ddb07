package dev.live.client.android

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import java.io.File

class ArchitectureTest : FunSpec({
    val sources = File("src/main/kotlin").walk().filter { it.extension == "kt" }.toList()

    test("nothing is needed but the platform, coroutines and what the client wants to be told") {
        val allowed = listOf("android.", "java.util.", "kotlinx.coroutines.", "dev.live.client.connection.")

        sources
            .flatMap { file -> file.readLines().filter { it.startsWith("import ") }.map { it.removePrefix("import ") } }
            .filterNot { import -> allowed.any { import.startsWith(it) } }
            .shouldBeEmpty()
    }

    test("no stub of Android's classes is packaged") {
        File("target/classes/android").walk().filter { it.isFile }.toList().shouldBeEmpty()
    }

    test("no scope without an owner, no blocking, no unlimited queue") {
        val banned = listOf("GlobalScope", "runBlocking", "Channel.UNLIMITED", "CoroutineScope(", "runCatching")

        sources.flatMap { file -> banned.filter { it in file.readText() }.map { "${file.name}: $it" } }.shouldBeEmpty()
    }
})
