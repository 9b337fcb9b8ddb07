package dev.live.benchmarks.load

/**
 * The least that a server can speak, and what every peer does that brings no protocol of its own: `S topic` is answered
 * by `A topic`, `P topic payload` makes every subscriber get exactly the payload, and `E payload` comes back as it is.
 */
internal object PlainProtocol : WireProtocol {
    override fun subscribe(topic: String, ref: Int) = "S $topic".toByteArray()

    override fun publish(topic: String, payload: String) = "P $topic $payload".toByteArray()

    override fun echo(payload: String) = "E $payload".toByteArray()

    override fun classify(bytes: ByteArray, from: Int, to: Int): Reaction =
        if (to > from && bytes[from] == 'A'.code.toByte()) Reaction.ACK else Reaction.ERROR
}
