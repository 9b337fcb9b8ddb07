package dev.live.fuzz

import dev.live.fuzz.client.ClientTarget
import dev.live.fuzz.codec.CodecTarget
import dev.live.fuzz.handshake.HandshakeTarget
import dev.live.fuzz.session.SessionTarget
import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec

/**
 * A part of live that reads untrusted bytes, with the invariants that hold for every input.
 *
 * A target is deterministic and single-threaded: the same input takes the same code path.
 */
internal interface FuzzTarget {
    /** Name of the target on the command line, and of its folder in `corpus`. */
    val name: String

    /** Maximum length of a generated input in bytes. */
    val maxLength: Int get() = 2_048

    /** Initial inputs, in addition to those in `corpus`. */
    fun seeds(): List<ByteArray>

    /** Words that the fuzzer inserts into inputs. */
    val dictionary: List<String> get() = emptyList()

    /** Processes [input]. Any exception is a crash. */
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

        /** @throws IllegalArgumentException if [name] is unknown */
        fun named(name: String): FuzzTarget =
            requireNotNull(ALL.find { it.name == name }) {
                "Unknown fuzz target '$name'. Known targets: ${ALL.joinToString { it.name }}."
            }
    }
}

/** An input violated an invariant of its target. */
internal class InvariantViolation(message: String) : AssertionError(message)

/** @throws InvariantViolation with [message] unless [holds] */
internal inline fun checkInvariant(holds: Boolean, message: () -> String) {
    if (!holds) throw InvariantViolation(message())
}
