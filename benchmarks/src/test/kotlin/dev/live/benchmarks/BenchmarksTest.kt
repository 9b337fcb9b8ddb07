package dev.live.benchmarks

import com.github.ajalt.clikt.core.CliktError
import com.github.ajalt.clikt.core.CoreCliktCommand
import com.github.ajalt.clikt.parsers.CommandLineParser
import dev.live.benchmarks.load.client.Allocations
import dev.live.benchmarks.load.report.Case
import dev.live.benchmarks.load.report.Server
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain
import java.io.File

class BenchmarksTest : FunSpec({

    test("every command has help with all its options") {
        val commands = Benchmarks("").registeredSubcommands()

        commands.shouldNotBeEmpty()
        for (command in commands) {
            val help = messageFor(command.commandName, "--help")
            help shouldContain "Usage: java -jar benchmarks.jar ${command.commandName}"
            for (name in command.registeredOptions().flatMap { it.names }) help shouldContain name
        }
    }

    test("help without a command lists the commands") {
        messageFor() shouldContain "micro  "
    }

    test("-h of micro belongs to JMH") {
        messageFor("micro", "-h") shouldBe VALID
        messageFor("report", "-h") shouldContain "Usage:"
    }

    test("an unknown option is rejected with a similar one, or with a reference to the help") {
        messageFor("server", "--prot", "8080") shouldContain Regex("no such option --prot.*--port")
        messageFor("server", "--xyzzy") shouldContain "no such option --xyzzy. --help lists the options."
    }

    test("an unknown command is rejected") {
        messageFor("sok") shouldContain Regex("no such subcommand sok\\..*soak")
        messageFor("xyzzy") shouldContain "no such subcommand xyzzy"
    }

    test("an invalid value is rejected with the value and the valid ones") {
        messageFor("server", "--port", "http") shouldContain "invalid value for --port: http is not a valid integer"
        messageFor("load", "--port", "1", "--scenario", "flod") shouldContain "flod. (choose from fanout, topics, echo"
        messageFor("load", "--port", "1", "--hot", "0") shouldContain "--hot: 0 is smaller than the minimum valid value"
        messageFor("report", "--peers", "live,bum") shouldContain "invalid choice: bum. (choose from live, live-"
        messageFor("report", "--variants", "g1") shouldContain "a variant must be 'name=java options', was 'g1'"
        messageFor("peer", "nety", "--port", "1") shouldContain "nety. (choose from netty-coalesced, netty-flush"
    }

    test("a missing value is rejected with the name of the option") {
        messageFor("load") shouldContain "missing option --port"
        messageFor("server") shouldContain "missing option --port"
        messageFor("load", "--port") shouldContain "option --port requires a value"
    }

    test("the arguments of servers, generators and clients in other processes are valid") {
        val servers = Server.ALL.filter { it.isJvm }.map { it.command(emptyList(), "benchmarks.jar", 18_000).drop(2) }
        val generators = Case.ALL.map { listOf("load", "--port", "18000") + it.loadArguments }
        val kinds = Allocations.kinds(java = emptyList(), before = null)
        val clients = kinds.map { listOf("receive", "--port", "18000") + it.options }

        for (arguments in servers + generators + clients) {
            withClue(arguments) { messageFor(*arguments.toTypedArray()) shouldBe VALID }
        }
    }

    test("the command lines of the documents are valid") {
        val files = listOf("README.md", "ANALYSIS.md", "RESULTS.md", "../CONTRIBUTING.md", "../docs/soak.md")
        val lines = files.flatMap { commandLines(File(it).readText()) }

        lines.shouldNotBeEmpty()
        for (line in lines) {
            withClue(line) {
                line shouldNotContain "\n"
                messageFor(*CommandLineParser.tokenize(line).toTypedArray()) shouldBe VALID
            }
        }
    }
})

private const val VALID = "valid"

/** The message for the user, or [VALID]. No command runs. */
private fun messageFor(vararg arguments: String): String {
    val benchmarks = Benchmarks("")
    return try {
        CommandLineParser.parseAndRun<CoreCliktCommand>(benchmarks, arguments.asList()) { }
        VALID
    } catch (e: CliktError) {
        benchmarks.getFormattedHelp(e).orEmpty()
    }
}

/** The arguments after the jar, without comments. A backslash at the end of a line continues it. */
private fun commandLines(text: String): List<String> =
    Regex("java -jar benchmarks/target/benchmarks\\.jar ([^`#\\n]*)")
        .findAll(text.replace(Regex("\\\\\\n *"), ""))
        .map { it.groupValues[1].trim() }
        .toList()
