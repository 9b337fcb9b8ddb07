package dev.live.server.session

/** What happens when a message meets a full session queue, and the client does not take what is written to it. */
public class OverflowPolicy private constructor(private val name: String) {
    override fun toString(): String = name

    public companion object {
        /** The session is closed with 4508: the client reconnects and recovers or reloads. The default. */
        public val Close: OverflowPolicy = OverflowPolicy("close")

        private val all = listOf(Close)

        /**
         * The policy that a configuration file calls [name].
         *
         * @throws IllegalArgumentException if there is none; the message lists those that are
         */
        public fun of(name: String): OverflowPolicy =
            requireNotNull(all.find { it.name.equals(name, ignoreCase = true) }) {
                "onOverflow must be one of ${all.joinToString { "'$it'" }}, was '$name'"
            }
    }
}
