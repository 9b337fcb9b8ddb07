package dev.live.samples.syncnotes.terminal

import dev.live.samples.syncnotes.Program
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

/** The terminal's process, as far as it comes without a server. */
class TerminalTest : FunSpec({

    for ((arguments, reason) in listOf(
        listOf("--name", "ann", "--list", "s".repeat(101)) to
            "--list: scope has 101 characters, 100 are allowed; take a shorter name",
        listOf("--name", "ann", "--list", "a\tb") to
            "--list: scope has control characters or half a surrogate pair; leave them out",
        listOf("--list", "a") to "--name is missing; say who you are",
    )) {
        test("the terminal says no more than what was wrong and how it is used, and ends with status 2: $reason") {
            Program(MAIN, arguments + listOf("--url", "http://localhost:1")).use { terminal ->
                terminal.awaitEnd() shouldBe 2

                "$terminal" shouldBe "$reason\n${TerminalOptions.USAGE}\n"
            }
        }
    }
})

private const val MAIN = "dev.live.samples.syncnotes.terminal.TerminalKt"
