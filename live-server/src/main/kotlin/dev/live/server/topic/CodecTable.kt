package dev.live.server.topic

import dev.live.protocol.Codec

/** The codecs a server speaks, in its order of preference; a session knows its codec by its slot here. */
internal class CodecTable(private val codecs: List<Codec>) {
    val size: Int get() = codecs.size

    val subprotocols: List<String> = codecs.map { it.subprotocol }

    operator fun get(slot: Int): Codec = codecs[slot]

    /** The slot of [subprotocol], or -1 if the server does not speak it. */
    fun slotOf(subprotocol: String): Int = subprotocols.indexOf(subprotocol)
}
