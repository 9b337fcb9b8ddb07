package dev.live.server.conformance

import dev.live.server.support.Engine

private val titles =
    mapOf(
        "1" to "Messages",
        "2" to "Pings and pongs",
        "3" to "RSV bits",
        "4" to "Reserved opcodes",
        "5" to "Fragments",
        "6" to "UTF-8 handling",
        "7" to "The close handshake",
        "9" to "Sizes and counts",
        "10" to "Auto-fragmentation",
        "L" to "Not in Autobahn",
    )

/** The rows of `docs/conformance.md`, one for each case. The build fails if a case does not pass. */
internal fun conformanceTable(): List<String> =
    buildList {
        val groups = conformanceCases.groupBy { it.group }
        for ((group, cases) in groups.toSortedMap(compareBy<String> { it.toIntOrNull() ?: Int.MAX_VALUE })) {
            add("")
            add("### ${if (group == "L") "" else "$group. "}${titles.getValue(group)}")
            add("")
            add("| Case | Client behavior | " + Engine.usual.joinToString(" | ") { it.title } + " |")
            add("|---|---|" + "---|".repeat(Engine.usual.size))
            for (case in cases) add("| ${case.id} | ${case.description} |" + " passed |".repeat(Engine.usual.size))
        }
    }

private val Engine.title: String
    get() =
        when (this) {
            Engine.Netty -> "Netty"
            Engine.PortableNetty -> "portable on Netty"
            Engine.Cio -> "CIO"
            Engine.NettyOnEpoll, Engine.NettyOnIoUring -> "Netty on ${loops.name}"
        }
