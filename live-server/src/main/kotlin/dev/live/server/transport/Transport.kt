package dev.live.server.transport

/** How the bytes of a connection are carried. Sessions behave the same on each transport. */
public enum class Transport {
    /** The engine's own channel where live supports it, which is on Netty; otherwise [Portable]. */
    Auto,

    /** The byte channels that every Ktor engine has. Slower, but independent of the engine. */
    Portable,
    ;

    internal companion object {
        /**
         * Returns the transport with the configuration name [name].
         *
         * @throws IllegalArgumentException if there is none; the message lists the valid names
         */
        fun of(name: String): Transport =
            requireNotNull(entries.find { it.name.equals(name, ignoreCase = true) }) {
                "transport must be one of ${entries.joinToString { "'${it.name.lowercase()}'" }}, was '$name'"
            }
    }
}
