package dev.live.benchmarks.load

/** Engine.IO 4 over a WebSocket, without the polling that precedes it by default, and Socket.IO 5 in it. */
internal object SocketIoProtocol : WireProtocol {
    override val path = "/socket.io/?EIO=4&transport=websocket"

    override fun hello() = "40".toByteArray()

    override fun subscribe(topic: String, ref: Int) = """42["S","$topic"]""".toByteArray()

    override fun publish(topic: String, payload: String) = """42["P","$topic","$payload"]""".toByteArray()

    override fun echo(payload: String) = """42["E","$payload"]""".toByteArray()

    override fun pong() = "3".toByteArray()

    override fun classify(bytes: ByteArray, from: Int, to: Int): Reaction {
        val text = String(bytes, from, to - from)
        return when {
            text.startsWith("0{") -> Reaction.IGNORE
            text.startsWith("40") -> Reaction.READY
            text == "2" -> Reaction.PING
            text.startsWith("""42["A"""") -> Reaction.ACK
            else -> Reaction.ERROR
        }
    }
}
