package dev.live.server.observe

import dev.live.protocol.CloseCode
import kotlin.time.Duration

/**
 * Is told what the server does, to measure it. Nothing here can change what happens.
 *
 * Called from whatever thread does the thing, several at a time, and in [delivered] and [dropped] that is the one that
 * delivers a topic's messages: return at once, never block, count and leave. What is thrown is logged once for each
 * observer and goes no further. Calls about one thing that happen on two threads may come in either order.
 *
 * Sessions are named by their id, so an observer keeps none alive.
 */
public interface LiveObserver {
    /** A client was let in. */
    public fun sessionOpened(session: String) {}

    /**
     * A session that was told of has ended.
     *
     * @param code as in the session's close reason; clients may send any code that a close frame may carry
     */
    public fun sessionClosed(session: String, code: CloseCode) {}

    /** Somebody uses the topic that nobody did. */
    public fun topicCreated(topic: String) {}

    /** Nobody has used the topic for its linger. */
    public fun topicEnded(topic: String) {}

    /** A client sent a message, [bytes] long as it came; told before it is looked at. */
    public fun messageReceived(bytes: Int) {}

    /**
     * A message was published to the topic, by a client or by the application.
     *
     * @param subscribers on this node, at that time; 0 also where the topic is not in use
     * @param bytes of its payload
     */
    public fun messagePublished(topic: String, subscribers: Int, bytes: Int) {}

    /**
     * Messages of the topic are offered to its subscribers, all [messages] of them to each. Told once for that, before
     * the first is offered. What a queue does not take, and a message that its publisher does not get back, count too.
     *
     * @param bytes of the payloads, for one subscriber
     */
    public fun delivered(topic: String, messages: Int, subscribers: Int, bytes: Int) {}

    /**
     * Messages for a session were lost: to its full queue, or because their topic declares that they need not arrive.
     *
     * @param policy what decided so: `close` loses all that waits, `conflate` what a newer one replaced, `dropOldest` what
     *   made way for a newer one
     * @param messages at least 1
     */
    public fun dropped(policy: String, messages: Int) {}

    /**
     * What waits in the queues of all sessions, told about once a second.
     *
     * @param messages that wait
     * @param bytes that wait
     * @param deepest messages in the fullest queue
     */
    public fun queuesSampled(sessions: Int, messages: Long, bytes: Long, deepest: Int) {}

    /**
     * A client's message was handled, with all that the application's handlers do for it.
     *
     * @param what the message's type if it is one of the protocol's or a declared request; `message` for all others
     */
    public fun handled(what: String, duration: Duration, outcome: HandlerOutcome) {}

    /** A message, ping or pong of the session was over its rate. */
    public fun rateLimited(session: String) {}

    /** Tells this one, then [other]. */
    public operator fun plus(other: LiveObserver): LiveObserver = ObserverPair(this, other)
}

/** How the handling of a message ended. */
public enum class HandlerOutcome {
    /** As the client wanted. */
    Done,

    /** The client was told why not: by live or by a handler's `reject`. */
    Rejected,

    /** A handler took too long. */
    TimedOut,

    /** A handler threw. */
    Failed,
}

/** Only its parts are told: see [ServerCounters]. */
internal class ObserverPair(val first: LiveObserver, val second: LiveObserver) : LiveObserver
