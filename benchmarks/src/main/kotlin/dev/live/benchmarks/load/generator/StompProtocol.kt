package dev.live.benchmarks.load.generator

/** STOMP 1.2 as implemented by Spring's simple broker. The requested receipt acknowledges a subscription. */
internal object StompProtocol : WireProtocol {
    private val connected = "CONNECTED".toByteArray()
    private val receipt = "RECEIPT".toByteArray()

    override val subprotocol = "v12.stomp"

    override fun hello() = frame("CONNECT", "accept-version:1.2", "host:localhost", "heart-beat:0,0")

    override fun subscribe(topic: String, ref: Int) =
        frame("SUBSCRIBE", "id:$ref", "destination:/topic/$topic", "receipt:$ref")

    override fun publish(topic: String, payload: String) = frame("SEND", "destination:/topic/$topic", body = payload)

    override fun prepareEcho() = frame("SUBSCRIBE", "id:echo", "destination:/user/queue/echo", "receipt:echo")

    override fun echo(payload: String) = frame("SEND", "destination:/app/echo", body = payload)

    override fun classify(bytes: ByteArray, from: Int, to: Int): FrameKind =
        when {
            bytes.contains(connected, from, minOf(to, from + connected.size)) -> FrameKind.READY
            bytes.contains(receipt, from, minOf(to, from + receipt.size)) -> FrameKind.ACK
            to - from <= 1 -> FrameKind.IGNORE // a heartbeat is one line feed
            else -> FrameKind.ERROR
        }

    private fun frame(command: String, vararg headers: String, body: String = ""): ByteArray =
        buildString {
            append(command).append('\n')
            for (header in headers) append(header).append('\n')
            append('\n').append(body).append('\u0000')
        }.toByteArray()
}
