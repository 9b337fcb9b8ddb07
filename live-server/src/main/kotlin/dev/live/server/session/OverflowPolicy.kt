package dev.live.server.session

/** The action when a session's queue is full and the client accepts no more bytes. */
public class OverflowPolicy private constructor(private val name: String) {
    override fun toString(): String = name

    public companion object {
        /** Closes the session with 4508: the client reconnects, and recovers or reloads. The default. */
        public val Close: OverflowPolicy = OverflowPolicy("close")

        private val all = listOf(Close)

        /**
         * Returns the policy with the configuration name [name].
         *
         * @throws IllegalArgumentException if there is none; the message lists the valid names
         */
        public fun of(name: String): OverflowPolicy =
            requireNotNull(all.find { it.name.equals(name, ignoreCase = true) }) {
                "onOverflow must be one of ${all.joinToString { "'$it'" }}, was '$name'"
            }
    }
}
