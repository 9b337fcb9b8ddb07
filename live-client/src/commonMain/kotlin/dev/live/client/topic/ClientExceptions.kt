package dev.live.client.topic

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException

/**
 * The connection broke between sending and the answer: whether the server carried it out is not known, and the client
 * does not send it again. The code, `connection_lost`, is this client's own and never on the wire.
 */
public class ConnectionLostException internal constructor(
    reason: String,
    /** Whether it ended over a message that was too large, which may be this one: then it is never sent again. */
    internal val wasTooLarge: Boolean,
) : LiveException(ErrorCode.of("connection_lost"), reason) {
    public constructor(reason: String) : this(reason, wasTooLarge = false)
}

/**
 * The client is closed and will not connect again. The code, `closed`, is this client's own and never on the wire.
 *
 * [reason] says who closed it and why.
 */
public class ClientClosedException(reason: String) : LiveException(ErrorCode.of("closed"), reason)

/**
 * A collector was too slow: [CollectorOverflow.Fail] ended its flow rather than lose a message in silence. What had
 * been buffered was delivered first. The code, `slow_collector`, is this client's own and never on the wire.
 */
public class SlowCollectorException(reason: String) : LiveException(ErrorCode.of("slow_collector"), reason)
