package dev.live.server

import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldBeIn
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldNotContain
import java.io.File

/** The rooms of this module, in order: each imports only from itself and those before it. */
private val rooms =
    listOf("observe", "broker", "frame", "topic", "transport", "session", "limits", "endpoint", "operate", ROOT)
private const val ROOT = ""
private const val PACKAGE = "dev.live.server"

class ArchitectureTest : FunSpec({
    val sources = File("src/main/kotlin").walk().filter { it.extension == "kt" }.toList()

    test("every file is in a room, and its directory follows its package") {
        sources.shouldNotBeEmpty().forAll { file ->
            file.packageName() shouldBe
                file.parentFile.invariantSeparatorsPath.substringAfter("src/main/kotlin/").replace('/', '.')
            file.room() shouldBeIn rooms
        }
    }

    test("a room imports only from itself and the rooms before it") {
        sources.forAll { file ->
            val allowed = rooms.take(rooms.indexOf(file.room()) + 1)
            file.mentionedRooms().filterNot { it in allowed }.shouldBeEmpty()
        }
    }

    test("the server knows nothing of the client") {
        sources.forAll { it.readText() shouldNotContain "dev.live.client" }
    }

    test("only the transport knows what engine it runs on") {
        sources.filter { it.room() != "transport" }.forAll {
            it.readText() shouldNotContain Regex("""\bio\.netty\b|\bio\.ktor\.server\.(netty|cio)\b""")
        }
    }

    test(
        "no coroutine is without an owner, no thread waits for one, no queue is without a bound, no failure is swallowed",
    ) {
        sources.forAll { file ->
            for (banned in listOf("GlobalScope", "runBlocking", "Channel.UNLIMITED", "runCatching")) {
                withClue(banned) {
                    Regex("""\b${Regex.escape(banned)}\b""").containsMatchIn(file.readText()) shouldBe
                        false
                }
            }
        }
    }

    test("no file is longer than 250 lines") {
        sources.forAll { it.readLines().size shouldBeLessThanOrEqual 250 }
    }
})

private fun File.packageName() = readLines().first { it.startsWith("package ") }.removePrefix("package ")

private fun File.room(): String = packageName().removePrefix(PACKAGE).removePrefix(".").substringBefore('.')

/** Rooms whose names stand in this file, imported or written out. */
private fun File.mentionedRooms(): Set<String> =
    readLines()
        .filterNot { it.startsWith("package ") }
        .flatMap { line -> Regex("""\bdev\.live\.server\.([A-Za-z]+)""").findAll(line).map { it.groupValues[1] } }
        .map { if (it.first().isUpperCase() || it == "live" || it == "liveEndpoint") ROOT else it }
        .filterNot { it in setOf("handler") } // names of loggers
        .toSet()
