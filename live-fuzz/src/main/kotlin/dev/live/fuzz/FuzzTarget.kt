package dev.live.fuzz

import dev.live.fuzz.client.ClientTarget
import dev.live.fuzz.codec.CodecTarget
import dev.live.fuzz.handshake.HandshakeTarget
import dev.live.fuzz.session.SessionTarget
import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec

/**
 * A part of live that reads bytes of somebody else, with the rules that it keeps for every input.
 *
 * A target is deterministic and single-threaded: the same input takes the same path.
 */
internal interface FuzzTarget {
    /** Names the target on the command line, and its folder below `corpus`. */
    val name: String

    /** Longest input in bytes that the fuzzer makes. */
    val maxLength: Int get() = 2_048

    /** Inputs to begin with, besides those in `corpus`. */
    fun seeds(): List<ByteArray>

    /** Words that the fuzzer puts into inputs. */
    val dictionary: List<String> get() = emptyList()

    /** Processes [input]; every exception is a crash. */
    fun run(input: ByteArray)

    companion object {
        val ALL: List<FuzzTarget> =
            listOf(
                CodecTarget(JsonCodec, "json"),
                CodecTarget(CborCodec, "cbor"),
                CodecTarget(MessagePackCodec, "msgpack"),
                HandshakeTarget,
                SessionTarget,
                ClientTarget,
            )

        /** @throws IllegalArgumentException if there is no such target */
        fun named(name: String): FuzzTarget =
            requireNotNull(ALL.find { it.name == name }) {
                "There is no fuzz target '$name'. The targets are ${ALL.joinToString { it.name }}."
            }
    }
}

/** A rule that a target does not keep. */
internal class RuleBroken(message: String) : AssertionError(message)

/** @throws RuleBroken with [otherwise] unless [isKept] */
internal inline fun rule(isKept: Boolean, otherwise: () -> String) {
    if (!isKept) throw RuleBroken(otherwise())
}
