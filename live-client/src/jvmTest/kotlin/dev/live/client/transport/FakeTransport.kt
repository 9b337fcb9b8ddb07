package dev.live.client.transport

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ErrorData
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel

/**
 * A network and a server in memory, for one client in virtual time.
 *
 * The server acks `subscribe`, `unsubscribe` and `publish`, publishes to those who joined, and answers pings. The knobs
 * change that; [connections] and [requests] remember what happened.
 */
internal class FakeTransport(private val codec: Codec = JsonCodec) : Transport {
    val requests = mutableListOf<ConnectRequest>()
    val connections = mutableListOf<FakeWire>()

    /** Thrown by the next connects, one each. */
    val refusals = ArrayDeque<Exception>()

    /** Whether connecting never ends. */
    var isUnreachable = false

    /** The subprotocol that the server names; null names none. */
    var subprotocol: String? = codec.subprotocol

    /** What the server does with a message in place of its own answer; true: nothing more. */
    var onMessage: FakeWire.(Message) -> Boolean = { false }

    var isClosed = false
        private set
    var mostOpenAtOnce = 0
        private set
    private var open = 0

    /** The connection that is open now. */
    val wire: FakeWire get() = connections.last().also { check(it.isOpen) { "no connection is open" } }

    /** The topics that the server knows the client to have joined. */
    val joined: Set<String> get() = connections.lastOrNull()?.takeIf { it.isOpen }?.joined.orEmpty()

    override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
        requests += request
        refusals.removeFirstOrNull()?.let { throw it }
        if (isUnreachable) awaitCancellation()
        val wire = FakeWire(codec, subprotocol) { onMessage(it) }
        connections += wire
        open++
        mostOpenAtOnce = maxOf(mostOpenAtOnce, open)
        try {
            return use(wire)
        } finally {
            open--
            wire.vanish()
        }
    }

    override fun close() {
        check(!isClosed) { "closed twice" }
        isClosed = true
    }
}

/** The server's end of one connection. */
internal class FakeWire(
    private val codec: Codec,
    override val subprotocol: String?,
    private val override: FakeWire.(Message) -> Boolean,
) : Wire {
    private val incoming = Channel<WireEvent>(Channel.UNLIMITED)
    private val stall = CompletableDeferred<Unit>()

    /** What the client sent. */
    val received = mutableListOf<Message>()
    val joined = LinkedHashSet<String>()
    var flushes = 0
        private set
    var isOpen = true
        private set

    /** The code that the client said goodbye with. */
    var closedWith: CloseCode? = null
        private set

    /** A socket that takes nothing more, and says nothing. */
    var isStalled = false

    fun sent(type: String): List<Message> = received.filter { it.type == type }

    fun push(message: Message) {
        if (isOpen && !isStalled) incoming.trySend(WireEvent.Received(codec.encode(message)))
    }

    fun pushBytes(bytes: ByteArray) {
        incoming.trySend(WireEvent.Received(bytes))
    }

    fun ack(message: Message): Unit = push(Message(MessageType.ACK, ref = message.ref))

    fun refuse(message: Message, code: String, reason: String): Unit =
        push(Message(MessageType.ERROR, message.topic, message.ref, Body.of(ErrorData(code, reason))))

    /** Ends the connection from the server's side. */
    fun cut(code: CloseCode = CloseCode.Abnormal, reason: String = "") {
        if (!isOpen) return
        isOpen = false
        incoming.trySend(WireEvent.Closed(code, reason))
    }

    fun vanish() {
        isOpen = false
    }

    override suspend fun receive(): WireEvent = incoming.receive()

    override suspend fun send(bytes: ByteArray, isBinary: Boolean) {
        check(isBinary == codec.isBinary) { "wrong kind of frame" }
        if (!isOpen) throw WireClosedException()
        if (isStalled) stall.await()
        val message = codec.decode(bytes)
        received += message
        if (!override(message)) answer(message)
    }

    override suspend fun flush() {
        if (!isOpen) throw WireClosedException()
        flushes++
    }

    override suspend fun close(code: CloseCode, reason: String) {
        if (!isOpen) return
        isOpen = false
        closedWith = code
    }

    /** What a server of the protocol answers. */
    fun answer(message: Message) {
        when (message.type) {
            MessageType.SUBSCRIBE -> {
                joined += message.topic
                ack(message)
            }
            MessageType.UNSUBSCRIBE -> {
                joined -= message.topic
                ack(message)
            }
            MessageType.PUBLISH -> {
                ack(message)
                if (message.topic in joined) push(Message(MessageType.MESSAGE, message.topic, body = message.body))
            }
            MessageType.PING -> push(Message(MessageType.PONG, ref = message.ref))
        }
    }
}
