package dev.live.client.topic

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException

/**
 * The connection broke after the message was sent and before the reply arrived. The server may have processed the
 * message; the client does not send it again. The code `connection_lost` is local to the client and never sent on the
 * wire.
 */
public class ConnectionLostException internal constructor(
    reason: String,
    /**
     * Whether the server closed the connection because of a message that was too large, possibly this one. The message
     * must then not be sent again.
     */
    internal val wasTooLarge: Boolean,
) : LiveException(ErrorCode.of("connection_lost"), reason) {
    public constructor(reason: String) : this(reason, wasTooLarge = false)
}

/**
 * The client is closed and does not reconnect. The code `closed` is local to the client and never sent on the wire.
 *
 * [reason] contains the cause of the close.
 */
public class ClientClosedException(reason: String) : LiveException(ErrorCode.of("closed"), reason)

/**
 * The buffer of a slow collector overflowed, and its flow failed instead of dropping messages silently. The buffered
 * messages were delivered first. See [CollectorOverflow]. The code `slow_collector` is local to the client and never
 * sent on the wire.
 */
public class SlowCollectorException(reason: String) : LiveException(ErrorCode.of("slow_collector"), reason)
