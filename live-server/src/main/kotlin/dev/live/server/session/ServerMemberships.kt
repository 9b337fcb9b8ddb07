package dev.live.server.session

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.withTimeoutOrNull

/** What topics the session's endpoint declares, for joins that do not come from the client. */
internal interface TopicPlaces {
    /**
     * What a membership of [topic] carries as its attachment.
     *
     * @throws dev.live.protocol.LiveException if nothing declared matches, or the session has joined [joined] and that
     *   is all
     */
    fun placeFor(topic: String, joined: Int): Any
}

/** Joins [topic] for the client; false if it is in or the session has ended. */
internal suspend fun SessionState.joinFor(topic: String): Boolean =
    change(topic) {
        // whoever ends the session comes behind this turn, and leaves what was joined in it
        if (endReason != null || memberships[topic] != null) return@change false
        memberships.join(topic, placeFor(topic), Message(MessageType.SUBSCRIBE, topic))
        true
    }

/** Leaves [topic] for the client; false if it was not in. */
internal suspend fun SessionState.leaveFor(topic: String): Boolean =
    change(topic) { memberships.leave(topic, Message(MessageType.UNSUBSCRIBE, topic)) }

/**
 * The time limit is for a topic that has ended under it: nobody may hold a turn, and with it the session's end, for
 * ever.
 */
private suspend fun SessionState.change(topic: String, change: suspend () -> Boolean): Boolean =
    withTimeoutOrNull(changeTimeout) { inTurn { change() } }
        ?: throw LiveException(ErrorCode.Timeout, "topic '$topic' took no change of its members within $changeTimeout")
