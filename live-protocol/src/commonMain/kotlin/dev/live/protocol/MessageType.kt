package dev.live.protocol

/** The conventional values of [Message.type]; every other type is the application's own. */
public object MessageType {
    /** Client: join [Message.topic]. Answered by [ACK] or [ERROR]. Server: it has put the session into that topic. */
    public const val SUBSCRIBE: String = "subscribe"

    /**
     * Client: leave [Message.topic]. Answered by [ACK], also when it was not joined. Server: it has taken the session
     * out of that topic.
     */
    public const val UNSUBSCRIBE: String = "unsubscribe"

    /** Client: publish the payload to [Message.topic]. With a [Message.ref]: answered by [ACK] or [ERROR]. */
    public const val PUBLISH: String = "publish"

    /** Server: the message with this [Message.ref] was carried out. */
    public const val ACK: String = "ack"

    /** Server: a payload published to [Message.topic]. */
    public const val MESSAGE: String = "message"

    /** Both: the answer to a request, with its [Message.ref]. */
    public const val REPLY: String = "reply"

    /** Server: what was asked could not be done; the payload is an [ErrorData]. */
    public const val ERROR: String = "error"

    /** Server: who is on a topic. */
    public const val PRESENCE: String = "presence"

    /** Client: a fresh token; the payload is an [AuthData]. */
    public const val AUTH: String = "auth"

    /** Server: the session's token runs out; the payload is an [ExpiringData]. */
    public const val EXPIRING: String = "expiring"

    /** Both: liveness for clients that cannot send WebSocket pings. Answered by [PONG]. */
    public const val PING: String = "ping"

    /** Both: the answer to [PING], with its [Message.ref]. */
    public const val PONG: String = "pong"

    /** Server: the connection is about to be closed; the payload is a [GoodbyeData]. */
    public const val GOODBYE: String = "goodbye"

    /** Every type of the protocol: none of them can be a request of the application's. */
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
