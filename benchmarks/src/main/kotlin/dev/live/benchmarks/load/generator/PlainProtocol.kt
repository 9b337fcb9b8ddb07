package dev.live.benchmarks.load.generator

/**
 * A minimal protocol, used by every peer without its own protocol. The reply to `S topic` is `A topic`. `P topic
 * payload` sends exactly the payload to every subscriber, `E payload` returns the payload, and `B payload` returns it
 * after the handler was blocked for 50 ms.
 */
internal object PlainProtocol : WireProtocol {
    override fun subscribe(topic: String, ref: Int) = "S $topic".toByteArray()

    override fun publish(topic: String, payload: String) = "P $topic $payload".toByteArray()

    override fun echo(payload: String) = "E $payload".toByteArray()

    override fun block(payload: String) = "B $payload".toByteArray()

    override fun classify(bytes: ByteArray, from: Int, to: Int): FrameKind =
        if (to > from && bytes[from] == 'A'.code.toByte()) FrameKind.ACK else FrameKind.ERROR
}
