package dev.live.samples.syncnotes.terminal

import dev.live.samples.syncnotes.wire.Rules
import io.ktor.http.encodeURLParameter
import java.nio.file.Path

/** What a terminal client is started with. */
class TerminalOptions private constructor(val name: String, val list: String, val server: String, val file: Path) {
    companion object {
        const val USAGE =
            "usage: --name <your name> [--list groceries] [--url http://localhost:8080] [--file <file for the notes>]"

        /**
         * What [args] say.
         *
         * @throws IllegalArgumentException if the name is missing, or one is unknown, without a value, or against the
         *   [Rules]; the message says which
         */
        fun parse(args: Array<String>): TerminalOptions {
            val values = HashMap<String, String>()
            for (pair in args.asList().chunked(2)) {
                require(pair[0] in NAMES) { "'${pair[0]}' is no option" }
                val value = pair.getOrNull(1)
                require(!value.isNullOrBlank()) { "${pair[0]} has no value; say one after it" }
                values[pair[0]] = value
            }
            val name = requireNotNull(values["--name"]) { "--name is missing; say who you are" }
            Rules.ofAuthor(name)?.let { throw IllegalArgumentException("--name: $it") }
            val list = values["--list"] ?: "groceries"
            Rules.ofScope(list)?.let { throw IllegalArgumentException("--list: $it") }
            val server = (values["--url"] ?: "http://localhost:8080").trimEnd('/')
            require(server.startsWith("http")) { "--url must begin with http, was '$server'" }
            val file =
                values["--file"] ?: "target/sync-notes/${name.encodeURLParameter()}-${list.encodeURLParameter()}.json"
            return TerminalOptions(name, list, server, Path.of(file))
        }

        private val NAMES = setOf("--name", "--list", "--url", "--file")
    }
}
