package dev.live.server.topic

import dev.live.protocol.Codec
import dev.live.protocol.TracedCodec

/**
 * The codecs a server speaks, in its order of preference; a session knows its codec by its slot here.
 *
 * @property isTraced whether it speaks each of them with traces too
 */
internal class CodecTable(plain: List<Codec>, val isTraced: Boolean = false) {
    private val codecs = if (isTraced) plain + plain.map(::TracedCodec) else plain

    val size: Int get() = codecs.size

    val subprotocols: List<String> = codecs.map { it.subprotocol }

    operator fun get(slot: Int): Codec = codecs[slot]

    /** The slot of [subprotocol], or -1 if the server does not speak it. */
    fun slotOf(subprotocol: String): Int = subprotocols.indexOf(subprotocol)
}
