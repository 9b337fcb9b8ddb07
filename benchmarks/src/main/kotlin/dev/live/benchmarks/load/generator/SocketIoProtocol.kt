package dev.live.benchmarks.load.generator

/** Socket.IO 5 in Engine.IO 4 over a WebSocket, without the default polling phase. */
internal object SocketIoProtocol : WireProtocol {
    override val path = "/socket.io/?EIO=4&transport=websocket"

    override fun hello() = "40".toByteArray()

    override fun subscribe(topic: String, ref: Int) = """42["S","$topic"]""".toByteArray()

    override fun publish(topic: String, payload: String) = """42["P","$topic","$payload"]""".toByteArray()

    override fun echo(payload: String) = """42["E","$payload"]""".toByteArray()

    override fun pong() = "3".toByteArray()

    override fun classify(bytes: ByteArray, from: Int, to: Int): FrameKind {
        val text = String(bytes, from, to - from)
        return when {
            text.startsWith("0{") -> FrameKind.IGNORE
            text.startsWith("40") -> FrameKind.READY
            text == "2" -> FrameKind.PING
            text.startsWith("""42["A"""") -> FrameKind.ACK
            else -> FrameKind.ERROR
        }
    }
}
