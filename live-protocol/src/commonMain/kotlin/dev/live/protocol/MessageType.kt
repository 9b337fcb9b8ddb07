package dev.live.protocol

/** The values of [Message.type] that the protocol defines. An application may use other values for its own types. */
public object MessageType {
    /**
     * From a client: subscribe to [Message.topic]; the server replies with [ACK] or [ERROR]. From a server: the server
     * subscribed the session to that topic.
     */
    public const val SUBSCRIBE: String = "subscribe"

    /**
     * From a client: unsubscribe from [Message.topic]; the server replies with [ACK], also if the session was not
     * subscribed. From a server: the server unsubscribed the session from that topic.
     */
    public const val UNSUBSCRIBE: String = "unsubscribe"

    /**
     * From a client: publish the payload to [Message.topic]. If it has a [Message.ref], the server replies with [ACK]
     * or [ERROR].
     */
    public const val PUBLISH: String = "publish"

    /** From a server: the message with this [Message.ref] was processed successfully. */
    public const val ACK: String = "ack"

    /** From a server: a payload published to [Message.topic]. */
    public const val MESSAGE: String = "message"

    /** From either side: the reply to a request, with the request's [Message.ref]. */
    public const val REPLY: String = "reply"

    /** From a server: the message with this [Message.ref] failed; the payload is an [ErrorData]. */
    public const val ERROR: String = "error"

    /** From a server: the presence members of a topic, or changes to them. */
    public const val PRESENCE: String = "presence"

    /** From a client: a fresh token; the payload is an [AuthData]. */
    public const val AUTH: String = "auth"

    /** From a server: the session's token expires soon; the payload is an [ExpiringData]. */
    public const val EXPIRING: String = "expiring"

    /** From either side: a heartbeat for clients that cannot send WebSocket pings. The receiver replies with [PONG]. */
    public const val PING: String = "ping"

    /** From either side: the reply to [PING], with its [Message.ref]. */
    public const val PONG: String = "pong"

    /** From a server: the server is about to close the connection; the payload is a [GoodbyeData]. */
    public const val GOODBYE: String = "goodbye"

    /** All types of the protocol. The application cannot use them for its own requests. */
    public val All: Set<String> =
        setOf(
            SUBSCRIBE,
            UNSUBSCRIBE,
            PUBLISH,
            ACK,
            MESSAGE,
            REPLY,
            ERROR,
            PRESENCE,
            AUTH,
            EXPIRING,
            PING,
            PONG,
            GOODBYE,
        )
}
