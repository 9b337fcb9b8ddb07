package dev.live.benchmarks.load.generator

/** The meaning of a frame without a marker. */
internal enum class FrameKind { READY, ACK, PING, IGNORE, ERROR }

/**
 * The protocol of one kind of server, above WebSocket. Each function returns the payload of one frame.
 *
 * Deliveries need no protocol: the generator finds its marker in them.
 */
internal interface WireProtocol {
    val path: String get() = "/live"

    /** The value of `Sec-WebSocket-Protocol`, or null for none. */
    val subprotocol: String? get() = null

    val isBinary: Boolean get() = false

    /** Whether the clients offer compression. */
    val offersCompression: Boolean get() = false

    /**
     * The first message after the upgrade, acknowledged by [FrameKind.READY]. Null if the connection is ready at once.
     */
    fun hello(): ByteArray? = null

    fun subscribe(topic: String, ref: Int): ByteArray

    fun publish(topic: String, payload: String): ByteArray

    fun echo(payload: String): ByteArray

    /** An [echo] through the server's means for requests with a reply, if it has any. */
    fun request(payload: String): ByteArray = echo(payload)

    /** An [echo] whose handler blocks for 50 ms. */
    fun block(payload: String): ByteArray = error("the servers of this protocol have no handler that blocks")

    /** A message that must be acknowledged before [echo]. Null for none. */
    fun prepareEcho(): ByteArray? = null

    /** The reply to [FrameKind.PING]. */
    fun pong(): ByteArray = error("this protocol has no pings")

    fun classify(bytes: ByteArray, from: Int, to: Int): FrameKind

    companion object {
        fun named(name: String, codec: String, offersCompression: Boolean = false): WireProtocol =
            when (name) {
                "live" -> LiveProtocol.named(codec, offersCompression)
                "plain" -> PlainProtocol
                "socketio" -> SocketIoProtocol
                "stomp" -> StompProtocol
                else -> error("unreachable: protocol $name")
            }
    }
}

/** Returns true if [needle] occurs between [from] and [to]. */
internal fun ByteArray.contains(needle: ByteArray, from: Int, to: Int): Boolean {
    for (at in from..to - needle.size) {
        var i = 0
        while (i < needle.size && this[at + i] == needle[i]) i++
        if (i == needle.size) return true
    }
    return false
}
