package dev.live.benchmarks.load

/** What a frame without a marker means to the generator. */
internal enum class Reaction { READY, ACK, PING, IGNORE, ERROR }

/**
 * How one kind of server is spoken to, above WebSocket. Each function makes the payload of one frame.
 *
 * Deliveries need no protocol: the generator finds its marker in them.
 */
internal interface WireProtocol {
    val path: String get() = "/live"

    /** What goes into `Sec-WebSocket-Protocol`, or null for nothing. */
    val subprotocol: String? get() = null

    val isBinary: Boolean get() = false

    /** What is said after the upgrade and answered by [Reaction.READY]; null where a connection is ready at once. */
    fun hello(): ByteArray? = null

    fun subscribe(topic: String, ref: Int): ByteArray

    fun publish(topic: String, payload: String): ByteArray

    fun echo(payload: String): ByteArray

    /** What has to be acknowledged before this connection may [echo]; null for nothing. */
    fun prepareEcho(): ByteArray? = null

    /** What answers a [Reaction.PING]. */
    fun pong(): ByteArray = error("this protocol has no pings of its own")

    fun classify(bytes: ByteArray, from: Int, to: Int): Reaction

    companion object {
        fun named(name: String, codec: String): WireProtocol =
            when (name) {
                "live" -> LiveProtocol.named(codec)
                "plain" -> PlainProtocol
                "socketio" -> SocketIoProtocol
                "stomp" -> StompProtocol
                else -> error("unreachable: protocol $name")
            }
    }
}

/** Whether [needle] occurs in [from] until [to]. */
internal fun ByteArray.contains(needle: ByteArray, from: Int, to: Int): Boolean {
    for (at in from..to - needle.size) {
        var i = 0
        while (i < needle.size && this[at + i] == needle[i]) i++
        if (i == needle.size) return true
    }
    return false
}
