package dev.live.samples.syncnotes.terminal

import dev.live.samples.syncnotes.Program
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

/** Tests the terminal process without a server. */
class TerminalTest : FunSpec({

    for ((arguments, reason) in listOf(
        listOf("--name", "ann", "--list", "s".repeat(101)) to
            "--list: scope has 101 characters, 100 are allowed; use a shorter name",
        listOf("--name", "ann", "--list", "a\tb") to
            "--list: scope has control characters or unpaired surrogates; remove them",
        listOf("--list", "a") to "--name is missing; add your name",
    )) {
        test("an invalid argument prints the error and the usage, and exits with status 2: $reason") {
            Program(MAIN, arguments + listOf("--url", "http://localhost:1")).use { terminal ->
                terminal.awaitEnd() shouldBe 2

                "$terminal" shouldBe "$reason\n${TerminalOptions.USAGE}\n"
            }
        }
    }
})

private const val MAIN = "dev.live.samples.syncnotes.terminal.TerminalKt"
