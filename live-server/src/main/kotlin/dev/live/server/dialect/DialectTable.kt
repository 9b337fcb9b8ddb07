package dev.live.server.dialect

import dev.live.protocol.Codec
import dev.live.protocol.TracedCodec
import dev.live.server.frame.FrameCompressor
import dev.live.server.frame.OutboundFrame

/**
 * The server's dialects: WebSocket with each codec, in order of preference, then server-sent events, then WebSocket
 * with each codec and compression. A session refers to its dialect by its index here, its slot, under which events
 * cache their encoding.
 *
 * @property isTraced whether each codec also has a variant with trace context
 * @param compressor null if no session can negotiate compression
 */
internal class DialectTable(
    plain: List<Codec>,
    val isTraced: Boolean = false,
    private val compressor: FrameCompressor? = null,
) {
    private val codecs = if (isTraced) plain + plain.map(::TracedCodec) else plain

    /** The WebSocket subprotocols that a client can select. */
    val subprotocols: List<String> = codecs.map { it.subprotocol }

    /** Slot of the JSON codec over WebSocket; -1 without that codec. */
    val jsonSlot: Int = slotOf(JSON)

    /** Slot of server-sent events; -1 without the JSON codec, which they need. */
    val eventsSlot: Int = if (jsonSlot < 0) -1 else codecs.size

    /** Slot of server-sent events of the topic in the client's request, which have ids. */
    val eventsWithIdsSlot: Int = if (jsonSlot < 0) -1 else codecs.size + 1

    private val plainDialects: List<Dialect> = codecs.map(::WebSocketDialect) + eventStreamDialects()

    private val dialects: Array<Dialect> =
        (plainDialects + compressedDialects()).toTypedArray()

    /** Whether sessions can negotiate compression. */
    val canCompress: Boolean get() = compressor != null

    /** Number of slots. */
    val size: Int get() = dialects.size

    operator fun get(slot: Int): Dialect = dialects[slot]

    /** Returns the slot of the WebSocket [subprotocol], or -1 if the server does not support it. */
    fun slotOf(subprotocol: String): Int = subprotocols.indexOf(subprotocol)

    /** Returns the slot of the WebSocket dialect at [slot] with compression. */
    fun compressedSlot(slot: Int): Int = plainDialects.size + slot

    /** Returns the slot of the dialect at [slot] without compression: [slot] itself if that does not compress. */
    fun plainSlot(slot: Int): Int = if (slot < plainDialects.size) slot else slot - plainDialects.size

    /** Compresses [frame] of a dialect without compression. */
    fun compress(frame: OutboundFrame): OutboundFrame =
        checkNotNull(compressor) { "unreachable: no slot has compression" }.compress(frame)

    private fun compressedDialects(): List<Dialect> =
        compressor?.let { used -> plainDialects.take(codecs.size).map { CompressedDialect(it, used) } }.orEmpty()

    private fun eventStreamDialects(): List<Dialect> {
        val json = codecs.getOrNull(jsonSlot) ?: return emptyList()
        return listOf(EventStreamDialect(json, hasIds = false), EventStreamDialect(json, hasIds = true))
    }

    private companion object {
        const val JSON = "live.v1.json"
    }
}
