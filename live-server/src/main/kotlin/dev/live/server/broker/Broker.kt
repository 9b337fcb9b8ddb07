package dev.live.server.broker

import dev.live.protocol.Position

/**
 * Carries publications to all nodes of an application, and stores the histories of topics. The default serves a single
 * node, with histories in memory. Set another one with `install(Live) { broker(...) }`.
 *
 * **Order.** A topic with a history has a position for each publication: an epoch, and an offset one higher than that
 * of the publication before. The server delivers in this order. It sorts publications that arrive in another order,
 * drops duplicates, and reads missing ones from [history]. Where that is impossible, it reports a gap to the clients.
 * A broker may therefore reorder, repeat and lose publications of such topics, as long as [history] is right. The
 * publications of a topic without a history are delivered as they arrive.
 *
 * **Epoch.** It identifies one sequence of offsets. If a history is lost or may differ from the one that clients have
 * seen, such as after a failover, it continues with a new epoch. An epoch is never used again. A new epoch that begins
 * with the publications of an earlier one, at the same offsets, continues it ([StoredHistory.continues]): subscribers
 * then receive no gap.
 *
 * Every function may be called from any thread, and must not block it. A published contract of tests for brokers is in
 * live-test.
 */
public interface Broker {
    /**
     * Runs the broker until it is cancelled, which is at the end of the server. Called once, before every other
     * function. Reconnects inside: an exception or a return ends the delivery of publications on this node.
     *
     * @param sink receives the publications of the topics that this node has subscribed to
     */
    public suspend fun run(sink: BrokerSink)

    /**
     * Publishes [publication] on all nodes, this one included, and stores it if it has [Publication.history]. Returns
     * when its order is fixed, perhaps before it is delivered. Suspends while it cannot accept more.
     *
     * @return its position; null if the topic keeps no history, or if it was delivered on this node only
     *   ([WhileBrokerAway.DeliverLocally])
     */
    public suspend fun publish(publication: Publication): Position?

    /**
     * Starts the delivery of the publications of [topic] to this node. Called again only after [unsubscribe], or if it
     * has failed. Cancelled if the topic is no longer used.
     *
     * @param history bounds of the topic's history; null if it keeps none
     * @return the position of the newest publication: every later one is delivered to the sink. Offset 0 if there is
     *   none yet; null if the topic keeps no history
     */
    public suspend fun subscribe(topic: String, history: HistoryBounds?): Position?

    /** Ends the delivery of the publications of [topic] to this node. Publications that are underway may follow. */
    public suspend fun unsubscribe(topic: String)

    /**
     * Reads the publications of [topic] after [since], or all that are stored if it is null. The result is incomplete
     * if some were evicted, or if [since] is a position of another epoch. A broker may return a complete result for a
     * position of an earlier epoch if the current one contains the same publications at the same offsets up to there;
     * it then sets [StoredHistory.continues].
     *
     * @param history bounds of the topic's history
     * @throws dev.live.protocol.BadPayloadException if [since] is beyond the newest publication of the same epoch; a
     *   broker of several nodes returns an incomplete result instead, because a failover can lose publications
     */
    public suspend fun history(topic: String, since: Position?, history: HistoryBounds): StoredHistory

    /**
     * The current state on this node, for health checks and metrics. Read by any thread about once a second, also
     * before [run]. Fast. Default: always connected.
     */
    public val status: BrokerStatus get() = BrokerStatus()

    /**
     * Shares the presence of topics between all nodes. Always the same object. Null, the default: each node shows the
     * members of its own sessions only.
     */
    public val presence: PresenceDirectory? get() = null

    /**
     * The [BrokerSink.nodeReport] of each node at its last heartbeat, this one included, by a name of the node. Without
     * nodes that have ended. Empty, the default, if the broker does not transmit reports. Fast.
     */
    public val nodeReports: Map<String, String> get() = emptyMap()

    /** Payload bytes stored for [topic] on this node, for operators; null if they are unknown. Fast. */
    public fun storedBytes(topic: String): Long? = null
}

/** The node's side of a [Broker]. Every function may be called from any thread. */
public interface BrokerSink {
    /**
     * Delivers [publication] to this node's subscribers, perhaps in the caller's thread. Suspends while the topic's
     * buffer is full: a broker that delivers all topics one after the other then delays the other topics. A publication
     * of a topic without subscribers on this node is dropped.
     *
     * @param position its position; null if the topic keeps no history
     */
    public suspend fun deliver(publication: Publication, position: Position?)

    /**
     * Publications may have been lost since the last delivery, such as during a reconnect. The node reads the missing
     * ones from the history, or reports a gap to its clients.
     *
     * @param topic the topic concerned; null for all topics
     */
    public suspend fun interrupted(topic: String? = null)

    /**
     * A short text about this node for operators, which the broker transmits to the other nodes about once a second;
     * see [Broker.nodeReports]. At most 1,000 characters. Never fails.
     */
    public val nodeReport: String get() = ""

    /**
     * The members of [topic] on other nodes have changed; see [PresenceDirectory]. Suspends like [deliver]. Ignored if
     * the topic is not in use on this node.
     */
    public suspend fun presence(topic: String, change: PresenceChange) {}
}
