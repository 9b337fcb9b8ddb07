package dev.live.samples.chat

import io.ktor.http.encodeURLParameter

/**
 * The command line options of a terminal client.
 *
 * @property topic the room's topic
 * @property url the server URL, with the user name in the query
 */
class TerminalOptions private constructor(val topic: String, val url: String) {
    companion object {
        const val USAGE = "usage: --name <your name> --room <room> [--url ws://localhost:8080/live]"

        /** Parses [args]. Returns null if an option is missing, unknown or without a value. */
        @JvmStatic
        fun parse(args: Array<String>): TerminalOptions? {
            val values = HashMap<String, String>()
            for (pair in args.asList().chunked(2)) {
                val value = pair.getOrNull(1) ?: return null
                if (pair[0] !in NAMES || value.isBlank()) return null
                values[pair[0]] = value
            }
            val name = values["--name"] ?: return null
            val room = values["--room"] ?: return null
            val server = values["--url"] ?: "ws://localhost:8080/live"
            val separator = if ('?' in server) '&' else '?'
            return TerminalOptions("room/$room", "$server${separator}name=${name.encodeURLParameter()}")
        }

        private val NAMES = setOf("--name", "--room", "--url")
    }
}
