package dev.live.samples.syncnotes.terminal

import dev.live.samples.syncnotes.wire.Rules
import io.ktor.http.encodeURLParameter
import java.nio.file.Path

/** What a terminal client is started with. */
class TerminalOptions private constructor(val name: String, val list: String, val server: String, val file: Path) {
    companion object {
        const val USAGE =
            "usage: --name <your name> [--list groceries] [--url http://localhost:8080] [--file <file for the notes>]"

        /** What [args] say, or null if the name is missing, one is unknown, without a value, or too long. */
        fun parse(args: Array<String>): TerminalOptions? {
            val values = HashMap<String, String>()
            for (pair in args.asList().chunked(2)) {
                val value = pair.getOrNull(1) ?: return null
                if (pair[0] !in NAMES || value.isBlank()) return null
                values[pair[0]] = value
            }
            val name = values["--name"]?.takeIf { it.length <= Rules.MAX_AUTHOR } ?: return null
            val list = values["--list"] ?: "groceries"
            if (Rules.ofScope(list) != null) return null
            val server = (values["--url"] ?: "http://localhost:8080").trimEnd('/')
            if (!server.startsWith("http")) return null
            val file =
                values["--file"] ?: "target/sync-notes/${name.encodeURLParameter()}-${list.encodeURLParameter()}.json"
            return TerminalOptions(name, list, server, Path.of(file))
        }

        private val NAMES = setOf("--name", "--list", "--url", "--file")
    }
}
