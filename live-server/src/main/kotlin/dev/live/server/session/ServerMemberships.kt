package dev.live.server.session

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.topic.Member
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

    /** Whom [session] is shown as at [place]; null if nobody is shown there. Code of the application. */
    suspend fun member(session: Session<*>, place: Any): Member?

    /** Tells the application that [session] has joined [place]. */
    suspend fun joined(session: Session<*>, place: Any)

    /** Tells the application that [session] has left [place]. */
    suspend fun left(session: Session<*>, place: Any)
}

/** Joins [topic] for the client; false if it is in or the session has ended. */
internal suspend fun SessionState.joinFor(topic: String): Boolean {
    if (endReason != null || memberships[topic] != null) return false
    val place = placeFor(topic)
    val member = places.member(session, place) // before the turn, in which nothing of the application's runs
    val hasJoined =
        change(topic) {
            // whoever ends the session comes behind this turn, and leaves what was joined in it
            if (endReason != null || memberships[topic] != null) return@change false
            placeFor(topic) // there may have been room before, and be none now
            memberships.join(topic, place, Message(MessageType.SUBSCRIBE, topic), member = member)
            true
        }
    if (hasJoined) places.joined(session, place)
    return hasJoined
}

/** Leaves [topic] for the client; false if it was not in. */
internal suspend fun SessionState.leaveFor(topic: String): Boolean {
    val place = memberships[topic]?.attachment ?: return false
    val hasLeft = change(topic) { memberships.leave(topic, Message(MessageType.UNSUBSCRIBE, topic)) }
    if (hasLeft) places.left(session, place)
    return hasLeft
}

/**
 * The time limit is for a topic that has ended under it: nobody may hold a turn, and with it the session's end, for
 * ever.
 */
private suspend fun SessionState.change(topic: String, change: suspend () -> Boolean): Boolean =
    withTimeoutOrNull(changeTimeout) { inTurn { change() } }
        ?: throw LiveException(ErrorCode.Timeout, "topic '$topic' took no change of its members within $changeTimeout")
