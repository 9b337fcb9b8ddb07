package dev.live.server.observe

/**
 * What a server has done on this node since it started, and has now. A snapshot: it does not change, and its figures are
 * read one after the other while the server goes on.
 *
 * @property connections that count against the limit: sessions, and upgrades on their way to become one
 * @property sessions that are open
 * @property topics in use, or lingering
 * @property messagesIn messages that clients sent, whatever became of them
 * @property bytesIn bytes of these as they came, their envelopes with them
 * @property published messages published to topics, by clients and by the application
 * @property deliveries messages offered to subscribers of topics: of one with 10,000 subscribers, 10,000
 * @property messagesOut [deliveries], and what was sent to single sessions: answers, and messages of the application's
 * @property bytesOut bytes of the payloads of these, without the envelopes
 * @property rateLimited messages, pings and pongs of clients that were over their rate
 * @property drops messages lost, by what decided so (see [LiveObserver.dropped]); no entry for one that lost none
 * @property transports open sessions, by what carries them: `netty`, `portable`, `sse`; no entry for one without sessions
 * @property closes sessions that have ended, by close code; codes that are not the protocol's count as `other`
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
) {
    override fun toString(): String =
        "LiveStats(connections=$connections, sessions=$sessions, topics=$topics, messagesIn=$messagesIn, " +
            "bytesIn=$bytesIn, published=$published, deliveries=$deliveries, messagesOut=$messagesOut, " +
            "bytesOut=$bytesOut, rateLimited=$rateLimited, drops=$drops, closes=$closes, " +
            "transports=$transports)"
}
