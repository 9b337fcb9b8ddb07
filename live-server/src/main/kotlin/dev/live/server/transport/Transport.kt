package dev.live.server.transport

/** What carries the bytes of a connection. Nothing else about a session depends on it. */
public enum class Transport {
    /** The engine's own channel where live knows how to take it over, which is on Netty; otherwise [Portable]. */
    Auto,

    /** The byte channels that every engine of Ktor's has. Slower, and works without knowing the engine. */
    Portable,
    ;

    internal companion object {
        /**
         * The transport that a configuration file calls [name].
         *
         * @throws IllegalArgumentException if there is none; the message lists those that are
         */
        fun of(name: String): Transport =
            requireNotNull(entries.find { it.name.equals(name, ignoreCase = true) }) {
                "transport must be one of ${entries.joinToString { "'${it.name.lowercase()}'" }}, was '$name'"
            }
    }
}
