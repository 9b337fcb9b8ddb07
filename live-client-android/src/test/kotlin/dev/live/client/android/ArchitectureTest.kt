package dev.live.client.android

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import java.io.File

class ArchitectureTest : FunSpec({
    val sources = File("src/main/kotlin").walk().filter { it.extension == "kt" }.toList()

    test("the module depends only on the platform, coroutines and the client's interfaces") {
        val allowed = listOf("android.", "java.util.", "kotlinx.coroutines.", "dev.live.client.connection.")

        sources
            .flatMap { file -> file.readLines().filter { it.startsWith("import ") }.map { it.removePrefix("import ") } }
            .filterNot { import -> allowed.any { import.startsWith(it) } }
            .shouldBeEmpty()
    }

    test("the stubs of Android's classes are not packaged") {
        File("target/classes/android").walk().filter { it.isFile }.toList().shouldBeEmpty()
    }

    test("no unowned scope, no blocking call, no unlimited queue") {
        val banned = listOf("GlobalScope", "runBlocking", "Channel.UNLIMITED", "CoroutineScope(", "runCatching")

        sources.flatMap { file -> banned.filter { it in file.readText() }.map { "${file.name}: $it" } }.shouldBeEmpty()
    }
})
