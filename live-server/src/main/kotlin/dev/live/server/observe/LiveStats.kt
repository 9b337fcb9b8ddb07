package dev.live.server.observe

import dev.live.server.broker.BrokerStatus
import kotlin.time.Duration

/**
 * Counters of a server on this node since it started, and current gauges. An immutable snapshot; its values are read
 * one after the other, so they are not taken at exactly the same time.
 *
 * @property connections connections that count against the limit: sessions, and upgrades in progress
 * @property sessions open sessions
 * @property topics active topics, including topics kept by their linger time
 * @property messagesIn messages received from clients, including rejected messages
 * @property bytesIn encoded bytes of the received messages, including envelopes
 * @property published messages published to topics, by clients and by the application
 * @property deliveries messages offered to subscribers: one message to 10,000 subscribers counts as 10,000
 * @property messagesOut [deliveries] plus messages to single sessions: replies, and messages sent by the application
 * @property bytesOut payload bytes of [messagesOut], without envelopes and before compression. The bytes of queues are
 *   counted after compression, see [LiveObserver.queuesSampled]
 * @property rateLimited messages, pings and pongs of clients that exceeded a rate limit
 * @property drops dropped messages by policy (see [LiveObserver.dropped]); no entry for a policy without drops
 * @property transports open sessions by transport: `netty`, `portable`, `sse`; no entry for a transport without
 *   sessions
 * @property closes ended sessions by close code; codes that the protocol does not define count as `other`
 * @property recoveries reads of histories that returned missed messages, see [LiveObserver.recovered]
 * @property gaps gaps reported to subscribers: one gap for 10,000 subscribers counts as 10,000
 * @property broker state of the broker; null without a broker of the application
 * @property lag time from a publication of this node to its delivery on this node: of the last test publication, or the
 *   time since when none has arrived, if that is more. Null before the first result, if that is not late, and without a
 *   broker of the application
 */
public class LiveStats internal constructor(
    public val connections: Int,
    public val sessions: Int,
    public val topics: Int,
    public val messagesIn: Long,
    public val bytesIn: Long,
    public val published: Long,
    public val deliveries: Long,
    public val messagesOut: Long,
    public val bytesOut: Long,
    public val rateLimited: Long,
    public val drops: Map<String, Long>,
    public val closes: Map<String, Long>,
    public val transports: Map<String, Int>,
    public val recoveries: Long,
    public val gaps: Long,
    public val broker: BrokerStatus?,
    public val lag: Duration?,
) {
    override fun toString(): String =
        "LiveStats(connections=$connections, sessions=$sessions, topics=$topics, messagesIn=$messagesIn, " +
            "bytesIn=$bytesIn, published=$published, deliveries=$deliveries, messagesOut=$messagesOut, " +
            "bytesOut=$bytesOut, rateLimited=$rateLimited, drops=$drops, closes=$closes, " +
            "transports=$transports, recoveries=$recoveries, gaps=$gaps, broker=$broker, lag=$lag)"
}
