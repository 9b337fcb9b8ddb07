package dev.live.server.topic

import dev.live.protocol.Codec
import dev.live.protocol.TracedCodec

/**
 * The server's codecs in order of preference; a session refers to its codec by its index here, its slot.
 *
 * @property isTraced whether each codec also has a variant with trace context
 */
internal class CodecTable(plain: List<Codec>, val isTraced: Boolean = false) {
    private val codecs = if (isTraced) plain + plain.map(::TracedCodec) else plain

    val size: Int get() = codecs.size

    val subprotocols: List<String> = codecs.map { it.subprotocol }

    operator fun get(slot: Int): Codec = codecs[slot]

    /** Returns the slot of [subprotocol], or -1 if the server does not support it. */
    fun slotOf(subprotocol: String): Int = subprotocols.indexOf(subprotocol)
}
