package dev.live.samples.syncnotes.terminal

import dev.live.samples.syncnotes.wire.Rules
import io.ktor.http.encodeURLParameter
import java.nio.file.Path

/** The command line options of a terminal client. */
class TerminalOptions private constructor(val name: String, val list: String, val server: String, val file: Path) {
    companion object {
        const val USAGE =
            "usage: --name <your name> [--list groceries] [--url http://localhost:8080] [--file <file for the notes>]"

        /**
         * Parses [args].
         *
         * @throws IllegalArgumentException if the name is missing, or an option is unknown, has no value, or violates
         *   the [Rules]
         */
        fun parse(args: Array<String>): TerminalOptions {
            val values = HashMap<String, String>()
            for (pair in args.asList().chunked(2)) {
                require(pair[0] in NAMES) { "unknown option '${pair[0]}'" }
                val value = pair.getOrNull(1)
                require(!value.isNullOrBlank()) { "${pair[0]} needs a value" }
                values[pair[0]] = value
            }
            val name = requireNotNull(values["--name"]) { "--name is missing; add your name" }
            Rules.ofAuthor(name)?.let { throw IllegalArgumentException("--name: $it") }
            val list = values["--list"] ?: "groceries"
            Rules.ofScope(list)?.let { throw IllegalArgumentException("--list: $it") }
            val server = (values["--url"] ?: "http://localhost:8080").trimEnd('/')
            require(server.startsWith("http")) { "--url must start with http, was '$server'" }
            val file =
                values["--file"] ?: "target/sync-notes/${name.encodeURLParameter()}-${list.encodeURLParameter()}.json"
            return TerminalOptions(name, list, server, Path.of(file))
        }

        private val NAMES = setOf("--name", "--list", "--url", "--file")
    }
}
