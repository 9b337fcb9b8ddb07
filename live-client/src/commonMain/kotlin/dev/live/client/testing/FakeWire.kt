package dev.live.client.testing

import dev.live.client.transport.Wire
import dev.live.client.transport.WireClosedException
import dev.live.client.transport.WireEvent
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ErrorData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel

/**
 * The server's end of one connection of a [FakeTransport]: the received messages, and functions to send.
 *
 * At most 10,000 messages wait for the client. One more throws an [AssertionError]: in virtual time, this means that
 * the test does not run the client.
 */
public class FakeWire internal constructor(
    private val codec: Codec,
    override val subprotocol: String?,
    private val toServer: InFlightMessages,
    private val toClient: InFlightMessages,
    private val intercept: FakeWire.(Message) -> Boolean,
) : Wire {
    private val incoming = Channel<WireEvent>(CAPACITY)
    private val topics = LinkedHashSet<String>()

    /** The messages of the client, in order. */
    public val received: MutableList<Message> = mutableListOf()

    /** The topics that the client is subscribed to. */
    public val subscribedTopics: Set<String> get() = topics

    /** Number of flushes by the client. */
    public var flushes: Int = 0
        private set

    /** True until one side ends the connection. */
    public var isOpen: Boolean = true
        private set

    /** The close code sent by the client, or null. */
    public var closedWith: CloseCode? = null
        private set

    /**
     * Whether the socket blocks writes and receives nothing: an undetected dead connection with full buffers. A send
     * then suspends forever. For a temporary stall, see [FakeDirection.isStalled].
     */
    public var isStalled: Boolean = false

    /**
     * Whether the connection is half-open, as after a NAT timeout. Messages and closes of both sides are dropped
     * without an error. The client detects this by its heartbeat or a probe.
     */
    public var isHalfOpen: Boolean = false

    /** The client's messages of [type], in order. */
    public fun sent(type: String): List<Message> = received.filter { it.type == type }

    /** Sends [message] to the client. */
    public fun push(message: Message): Unit = push(message, message.topic)

    /** Sends [message], in order with the other messages of [topic]. */
    private fun push(message: Message, topic: String) {
        if (isOpen && !isStalled) deliver(WireEvent.Received(codec.encode(message)), topic)
    }

    /** Sends [bytes] to the client. They need not be a valid message. */
    public fun pushBytes(bytes: ByteArray) {
        deliver(WireEvent.Received(bytes), topic = null)
    }

    /** Sends an `ack` for [message]. */
    public fun ack(message: Message): Unit = push(Message(MessageType.ACK, ref = message.ref), message.topic)

    /** Replies to [message] with an `error`. [code] is the code on the wire, such as `forbidden`. */
    public fun reject(message: Message, code: String, reason: String): Unit =
        push(Message(MessageType.ERROR, message.topic, message.ref, Body.of(ErrorData(code, reason))))

    /**
     * Ends the connection from the server's side, after all messages sent so far. Sends a close frame, or, with
     * [CloseCode.Abnormal], breaks the connection.
     */
    public fun cut(code: CloseCode = CloseCode.Abnormal, reason: String = "") {
        if (!isOpen) return
        isOpen = false
        deliver(WireEvent.Closed(code, reason), topic = null)
    }

    /** Accepts [message] and sends the default reply, like a server that accepts everything. */
    public fun accept(message: Message) {
        when (message.type) {
            MessageType.SUBSCRIBE -> {
                topics += message.topic
                ack(message)
            }
            MessageType.UNSUBSCRIBE -> {
                topics -= message.topic
                ack(message)
            }
            MessageType.PUBLISH -> {
                ack(message)
                if (message.topic in topics) push(Message(MessageType.MESSAGE, message.topic, body = message.body))
            }
            MessageType.AUTH -> ack(message)
            MessageType.PING -> push(Message(MessageType.PONG, ref = message.ref))
        }
    }

    internal fun markClosed() {
        isOpen = false
    }

    private fun deliver(event: WireEvent, topic: String?) {
        if (toClient.isFull) {
            throw AssertionError("$CAPACITY messages are in flight to the client. Advance the virtual time.")
        }
        toClient.send(topic) { arrive(event) }
    }

    private fun arrive(event: WireEvent) {
        if (isHalfOpen || incoming.trySend(event).isSuccess) return
        throw AssertionError("$CAPACITY messages wait for the client. Run it with runCurrent().")
    }

    override suspend fun receive(): WireEvent = incoming.receive()

    override suspend fun send(bytes: ByteArray, isBinary: Boolean) {
        check(isBinary == codec.isBinary) { "the frame type must match the codec '${codec.subprotocol}'" }
        if (!isOpen) throw WireClosedException()
        if (isStalled) awaitCancellation()
        toServer.awaitCapacity()
        val message = codec.decode(bytes)
        toServer.send(message.topic) { take(message) }
    }

    private fun take(message: Message) {
        if (!isOpen || isHalfOpen) return
        received += message
        if (!intercept(message)) accept(message)
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
}

/** Maximum number of messages that wait for the client. */
private const val CAPACITY = InFlightMessages.CAPACITY
