package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.GoodbyeData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import kotlin.time.Duration

/** The `goodbye` before a close for [why], with the [window] to come back in. */
internal fun goodbyeMessage(why: CloseReason, window: ClosedRange<Duration>): Message {
    val bounds = listOf(window.start.inWholeMilliseconds, window.endInclusive.inWholeMilliseconds)
    return Message(MessageType.GOODBYE, body = Body.of(GoodbyeData(why.code.wire, why.reason, bounds)))
}
