package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.GoodbyeData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** When a client that was closed with 1013 reconnects. */
internal val RETRY_LATER_WINDOW: ClosedRange<Duration> = 5.seconds..10.seconds

/** The `goodbye` message before a close for [reason]; the client reconnects at a random time in [reconnectWindow]. */
internal fun goodbyeMessage(reason: CloseReason, reconnectWindow: ClosedRange<Duration>): Message {
    val bounds = listOf(reconnectWindow.start.inWholeMilliseconds, reconnectWindow.endInclusive.inWholeMilliseconds)
    return Message(MessageType.GOODBYE, body = Body.of(GoodbyeData(reason.code.wire, reason.reason, bounds)))
}
