package dev.live.server.observe

import dev.live.protocol.CloseCode
import dev.live.server.broker.BrokerStatus
import kotlin.time.Duration

/**
 * Receives server events for metrics. An observer cannot change the behavior of the server.
 *
 * Functions are called concurrently, on the thread that causes the event. For [delivered] and [dropped] this is the
 * thread that delivers a topic's messages, so implementations must return at once and never block. The first exception
 * of each observer is logged; exceptions have no other effect. Events from different threads may arrive in any order.
 *
 * Sessions are identified by their id, so that an observer does not keep sessions in memory.
 */
public interface LiveObserver {
    /** A client was accepted. */
    public fun sessionOpened(session: String) {}

    /**
     * A session has ended. Only called after [sessionOpened].
     *
     * @param code code of the session's close reason; clients may send any code that is valid in a close frame
     */
    public fun sessionClosed(session: String, code: CloseCode) {}

    /** The topic became active on this node. */
    public fun topicCreated(topic: String) {}

    /** The topic was removed after it was unused for its linger time. */
    public fun topicEnded(topic: String) {}

    /** A message of [bytes] encoded bytes was received from a client. Called before it is decoded. */
    public fun messageReceived(bytes: Int) {}

    /**
     * A message was published to the topic, by a client or by the application.
     *
     * @param subscribers current subscribers on this node; 0 if the topic is not active
     * @param bytes bytes of the payload
     */
    public fun messagePublished(topic: String, subscribers: Int, bytes: Int) {}

    /**
     * A batch of messages is about to be delivered to the subscribers of the topic; called once per batch. Each
     * subscriber is offered all [messages]. Includes messages that a full queue rejects, and messages that are not
     * delivered to their own publisher.
     *
     * @param bytes bytes of the payloads, for one subscriber
     */
    public fun delivered(topic: String, messages: Int, subscribers: Int, bytes: Int) {}

    /**
     * Messages for a session were dropped, because its queue was full or by the overflow policy of their topic.
     *
     * @param policy `close`: all queued messages were dropped; `conflate`: newer messages replaced them; `dropOldest`:
     *   they were removed to make space for newer messages
     * @param messages number of messages, at least 1
     */
    public fun dropped(policy: String, messages: Int) {}

    /**
     * A sample of the queues of all sessions, about once a second.
     *
     * @param messages queued messages in total
     * @param bytes queued bytes in total, after compression
     * @param deepest messages in the longest queue
     */
    public fun queuesSampled(sessions: Int, messages: Long, bytes: Long, deepest: Int) {}

    /**
     * A client's message was handled, including the application's handlers.
     *
     * @param type type of the message, if it is a type of the protocol or a declared request; otherwise `message`
     */
    public fun handled(type: String, duration: Duration, outcome: HandlerOutcome) {}

    /** A message, ping or pong of the session exceeded a rate limit. */
    public fun rateLimited(session: String) {}

    /**
     * The broker has confirmed or failed a publication to the topic. Not called if its caller was cancelled.
     *
     * @param duration time that the broker took. The default broker of a single node delivers within this time
     */
    public fun publishCompleted(topic: String, duration: Duration, outcome: PublishOutcome) {}

    /**
     * Missed messages of the topic were read from its history. Not called if none were missing.
     *
     * @param messages number of messages, at least 1
     */
    public fun recovered(topic: String, messages: Int, cause: RecoveryCause) {}

    /**
     * Subscribers of the topic were notified of a gap: messages may be missing that are not available.
     *
     * @param subscribers number of subscribers, at least 1
     */
    public fun gapReported(topic: String, subscribers: Int, cause: RecoveryCause) {}

    /**
     * A test publication of this node has arrived at this node, about every five seconds. Only with a broker of the
     * application.
     *
     * @param lag time from its publication to its delivery here, measured by the clock of this node alone. A test
     *   publication that does not arrive is not reported: see [lagSampled]
     */
    public fun lagMeasured(lag: Duration) {}

    /**
     * A sample of the current lag, as in [LiveStats.lag], about once a second. Only with a broker of the application,
     * and not while the lag is unknown.
     *
     * @param lag the last measured lag, or the time since when no test publication has arrived, if that is more
     */
    public fun lagSampled(lag: Duration) {}

    /** A sample of the broker's state, about once a second. Only with a broker of the application. */
    public fun brokerSampled(status: BrokerStatus) {}

    /** An observer that notifies this observer, then [other]. */
    public operator fun plus(other: LiveObserver): LiveObserver = ObserverPair(this, other)
}

/** How the handling of a message ended. */
public enum class HandlerOutcome {
    /** The message was handled successfully. */
    Done,

    /** The client received an error from live or from a handler's `reject`. */
    Rejected,

    /** A handler exceeded its timeout. */
    TimedOut,

    /** A handler threw an exception. */
    Failed,
}

/** The result of a publication. */
public enum class PublishOutcome {
    /** The broker has confirmed it. */
    Published,

    /** The broker has thrown an exception: it was not published, or the broker does not know. */
    Failed,
}

/** Why messages were missing. */
public enum class RecoveryCause {
    /** A client was disconnected, and has subscribed again from its last position. */
    Client,

    /** The broker did not deliver publications to this node, such as during a reconnect. */
    Broker,
}

/** [ServerCounters] notifies its parts separately, so that a failure of one does not affect the other. */
internal class ObserverPair(val first: LiveObserver, val second: LiveObserver) : LiveObserver
