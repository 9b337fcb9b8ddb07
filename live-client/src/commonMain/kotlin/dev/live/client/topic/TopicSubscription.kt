package dev.live.client.topic

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribeData
import dev.live.protocol.decode
import dev.live.protocol.of
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration

/**
 * The interest of all collectors of one topic: the first one subscribes, the last one unsubscribes.
 *
 * What is wanted (are there collectors?) and what the server knows ([phase]) are kept apart, and [take] says the one
 * thing that brings the second closer to the first, at the moment it is written. One thing at a time: while an answer
 * is awaited nothing more is said about this topic, so cancelling and collecting again in quick succession can never
 * cross on the wire. Only used on the client's dispatcher. Long because it is one machine: who would read a part of it
 * had to have the rest in mind.
 *
 * @param pace told what the server makes of what is said
 * @param linger how long it stays when the last collector has gone
 * @param onChange called when there may be something to say
 */
internal class TopicSubscription(
    val topic: String,
    private val scope: CoroutineScope,
    private val answers: SubscriptionAnswers,
    private val pace: SubscriptionPace,
    private val linger: Duration,
    private val onChange: (TopicSubscription) -> Unit,
) : Outgoing {
    private val collectorBuffers = ArrayList<CollectorBuffer>()
    private var phase = SubscriptionPhase.Out
    private var awaited: SubscriptionAnswer? = null

    /** Ends the time that nobody collects and the server is not told of that yet; null while it does not run. */
    private var lingering: Job? = null

    /** Names the topic's history, once it is known; null while it is not, or if the topic keeps none. */
    private var epoch: String? = null

    /** Who is there, as last said. */
    private var presence = Presence.Empty

    /** What the server's application said when the topic was joined. */
    private var welcome: JsonElement? = null

    /** Whether something came behind [welcome], which may say other than it. */
    private var isWelcomeOld = false

    /** Whether it is to be left and joined anew, because the one who collects now heard nothing of what came before. */
    private var mustRejoin = false

    /** Bytes of the payload of the last `subscribe`. */
    private var said = 0

    /** The newest message of the history that has come. */
    private var offset = 0L

    /** What the server refused for now. */
    private val retry = Retry(scope) { onChange(this) }

    /** Whether this waits in the outbox. Kept by the router, so that it waits there once. */
    var isQueued = false

    val isCollected: Boolean get() = collectorBuffers.isNotEmpty()

    /** Whether something was said whose answer is to come. */
    val isAwaiting: Boolean get() = awaited != null

    /** Whether what the server knows is what is wanted, or will be said when the answer is here. */
    val isSettled: Boolean
        get() =
            when (phase) {
                // whoever is behind takes what it has before it gets more
                SubscriptionPhase.Out -> collectorBuffers.isEmpty() || retry.isAhead ||
                    collectorBuffers.any { it.isBehind && !it.isDrained }
                SubscriptionPhase.In ->
                    (collectorBuffers.isNotEmpty() || lingering != null) && collectorBuffers.none { it.isBehind } && !mustRejoin
                SubscriptionPhase.Joining, SubscriptionPhase.Leaving -> true
                SubscriptionPhase.Unknown -> retry.isAhead
            }

    /** Whether the server does not have this client on the topic: the next message, if any, is a `subscribe`. */
    val isOut: Boolean get() = phase == SubscriptionPhase.Out

    /** Whether nobody, neither collectors nor the server, has anything to do with this any more. */
    val isForgettable: Boolean get() = collectorBuffers.isEmpty() && isOut

    /** Whether a `subscribe` was sent whose answer may still come: what the server ended before is not its outcome. */
    val isJoinOpen: Boolean get() = phase == SubscriptionPhase.Joining || phase == SubscriptionPhase.Unknown

    operator fun contains(collectorBuffer: CollectorBuffer): Boolean = collectorBuffer in collectorBuffers

    fun add(collectorBuffer: CollectorBuffer) {
        lingering?.cancel()
        lingering = null
        if (collectorBuffers.isEmpty() && phase == SubscriptionPhase.In) mustRejoin = welcome != null && isWelcomeOld
        collectorBuffer.offset = offset
        collectorBuffers += collectorBuffer
        if (phase == SubscriptionPhase.In && !mustRejoin) collectorBuffer.joined(Recovery.First, welcome)
        if (presence !== Presence.Empty) collectorBuffer.present(presence)
        onChange(this)
    }

    fun remove(collectorBuffer: CollectorBuffer) {
        if (!collectorBuffers.remove(collectorBuffer)) return
        if (collectorBuffers.isEmpty()) {
            retry.forget()
            if (phase != SubscriptionPhase.Out && linger.isPositive()) lingering = scope.launch { stay() }
        }
        onChange(this)
    }

    private suspend fun stay() {
        delay(linger)
        lingering = null
        onChange(this)
    }

    /** Whoever comes later begins anew. */
    private fun forget() {
        epoch = null
        presence = Presence.Empty
        retry.forget()
    }

    override fun take(): Message? {
        isQueued = false
        if (isSettled) {
            onChange(this) // it may be time to forget this
            return null
        }
        val isJoin = phase == SubscriptionPhase.Out
        phase = if (isJoin) SubscriptionPhase.Joining else SubscriptionPhase.Leaving
        val answer = answers.expect(Answered(isJoin))
        awaited = answer
        if (!isJoin) {
            if (collectorBuffers.isEmpty()) forget() // not before: who comes until now goes on with what is known
            return Message(MessageType.UNSUBSCRIBE, topic, answer.ref)
        }
        val since = epoch?.let { Position(it, collectorBuffers.minOf { collectorBuffer -> collectorBuffer.offset }) }
        val params = collectorBuffers.asReversed().firstNotNullOfOrNull { it.params }
        val data = if (since == null && params == null) null else Body.of(SubscribeData(since, params))
        said = data?.size ?: 0
        return Message(MessageType.SUBSCRIBE, topic, answer.ref, data)
    }

    /** Hands [message] to every collector; what comes before the `ack` or after the last word belongs to none. */
    fun deliver(message: Message) {
        if (phase != SubscriptionPhase.In) return
        isWelcomeOld = true
        if (message.type == MessageType.PRESENCE) present(message)
        val place = if (epoch == null) null else message.offset
        var isChanged = false
        val lost =
            collectorBuffers.filter { collectorBuffer ->
                val isToGet = !collectorBuffer.isBehind && (place == null || place > collectorBuffer.offset)
                if (!isToGet || collectorBuffer.offer(message)) {
                    if (isToGet && place != null) collectorBuffer.offset = place
                    false
                } else {
                    isChanged = true
                    collectorBuffer.isBehind = place != null && collectorBuffer.overflow == CollectorOverflow.Recover
                    !collectorBuffer.isBehind
                }
            }
        if (place != null && place > offset) offset = place
        lost.forEach { it.overflowed() }
        collectorBuffers -= lost.toSet()
        if (isChanged) onChange(this)
    }

    private fun present(message: Message) {
        presence = presence.afterOrNull(message) ?: return
        collectorBuffers.forEach { it.present(presence) }
    }

    private fun joined(ack: Message) {
        retry.forget()
        val data = subscribedData(ack)
        welcome = welcomeOf(ack)
        isWelcomeOld = false
        val isRecovered = data?.recovered == true
        if (!isRecovered) {
            epoch = data?.epoch
            offset = data?.offset ?: 0
            collectorBuffers.forEach { it.offset = offset }
        }
        val recovery = if (isRecovered) Recovery.Recovered else Recovery.Gap
        val lost =
            collectorBuffers.filter { collectorBuffer ->
                val isFull = !collectorBuffer.joined(recovery, welcome)
                collectorBuffer.isBehind = isFull && epoch != null && collectorBuffer.overflow == CollectorOverflow.Recover
                isFull && !collectorBuffer.isBehind
            }
        lost.forEach { it.overflowed() }
        collectorBuffers -= lost.toSet()
    }

    /** The server has forgotten everything; the collectors have not. */
    fun disconnected() {
        awaited?.done()
        awaited = null
        lingering?.cancel()
        lingering = null
        retry.forget()
        mustRejoin = false
        phase = SubscriptionPhase.Out
    }

    /** Ends every flow: normally, or with what [failure] makes. */
    fun end(failure: () -> LiveException?) {
        disconnected()
        failCollectors(failure = failure)
    }

    /** If it [passes], those who were in stay, and are in again later. */
    private fun failCollectors(passes: Boolean = false, failure: () -> LiveException?) {
        val ended = collectorBuffers.filterNot { passes && it.wasJoined }
        collectorBuffers -= ended.toSet()
        if (collectorBuffers.isEmpty()) forget()
        ended.forEach { it.end(failure()) } // one exception each: sharing one would mix their stack traces
    }

    private fun settle(next: SubscriptionPhase) {
        awaited?.done()
        awaited = null
        mustRejoin = false
        phase = next
        onChange(this)
    }

    /** What becomes of one `subscribe` or `unsubscribe`. */
    private inner class Answered(private val isJoin: Boolean) : SubscriptionAnswer.Listener {
        override fun onAnswer(answer: Message) {
            pace.accepted()
            if (isJoin) joined(answer)
            settle(if (isJoin) SubscriptionPhase.In else SubscriptionPhase.Out)
        }

        override fun onRefused(error: LiveException) {
            val isRate = error.code == ErrorCode.RateLimited
            if (isRate) pace.refused(this@TopicSubscription, error.retryAfter)
            if (isJoin) {
                if (!isRate || !isBrief(error.retryAfter)) {
                    failCollectors(error.code.isWorthRetrying) {
                        LiveException(error.code, error.reason, error.retryAfter)
                    }
                }
                if (collectorBuffers.isNotEmpty()) retry.after(error.retryAfter)
            } else if (isRate) {
                retry.after(error.retryAfter) // it was not carried out
            }
            settle(if (!isJoin && isRate) SubscriptionPhase.Unknown else SubscriptionPhase.Out)
        }

        override fun onUnanswered() {
            val reason = "no answer to 'subscribe' within ${answers.timeout}"
            if (isJoin) failCollectors(passes = true) { LiveException(ErrorCode.Timeout, reason) }
            settle(if (isJoin) SubscriptionPhase.Unknown else SubscriptionPhase.Out)
        }

        override fun onConnectionLost(wasTooLarge: Boolean) {
            // what was sent is not sent again, if it may have been this
            if (isJoin && wasTooLarge && said > SMALL) {
                val reason = "the server closed over too large a message, maybe this 'subscribe' of $said bytes"
                failCollectors { LiveException(ErrorCode.TooLarge, reason) }
            }
            disconnected()
        }

        /** Whether a collector that was never in had rather wait than fail: no longer than for an answer. */
        private fun isBrief(retryAfter: Duration?): Boolean =
            retryAfter != null && retry.waited + retryAfter <= answers.timeout
    }

    private companion object {
        /** Bytes that no server refuses as too large: a position in a history and short params. */
        const val SMALL = 1024
    }
}
