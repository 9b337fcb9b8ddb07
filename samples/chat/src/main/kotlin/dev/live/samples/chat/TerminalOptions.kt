package dev.live.samples.chat

import io.ktor.http.encodeURLParameter

/**
 * What a terminal client is started with.
 *
 * @property topic the room's topic
 * @property url where to connect to, the name included
 */
class TerminalOptions private constructor(val topic: String, val url: String) {
    companion object {
        const val USAGE = "usage: --name <your name> --room <room> [--url ws://localhost:8080/live]"

        /** What [args] say, or null if one is missing, unknown or without a value. */
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
