@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.client.topic

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The transitions of the table in "State machine of a client" of `docs/protocol.md`. */
class SubscriptionStateTest : FunSpec({

    for (state in states.keys) {
        test("events of a topic that is $state") {
            val isReplyPending = state == "subscribing" || state == "unsubscribing"
            for (event in events.keys.filter { isReplyPending || it !in replyEvents }) {
                runTest {
                    val topic = Topic(this)
                    states.getValue(state).invoke(topic)
                    topic.state shouldBe state
                    val replies = topic.pendingReplies

                    events.getValue(event).invoke(topic)

                    val next = transitions[state to event] ?: state
                    withClue(event) {
                        topic.state shouldBe next
                        replies.count { it.isActive } shouldBe if (next == state) replies.size else 0
                    }
                }
            }
        }
    }

    test("a topic without collectors and subscription has no timer") {
        for (leave in listOf("ack", "rate_limited", "forbidden", "no reply", "connection lost")) {
            runTest {
                val topic = Topic(this)
                topic.subscribe()
                topic.removeCollector() // starts the linger
                events.getValue(leave).invoke(topic)
                while (!topic.subscription.isUnused) {
                    advanceTimeBy(1.minutes)
                    topic.subscription.take()
                    topic.subscription.accepted(Message(MessageType.ACK))
                }
                val timersBefore = topic.timersEnded

                advanceTimeBy(1.minutes)

                topic.timersEnded shouldBe timersBefore
            }
        }
    }
})

private val events: Map<String, Topic.() -> Unit> =
    mapOf(
        "write" to { subscription.take() },
        "ack" to { subscription.accepted(Message(MessageType.ACK)) },
        "rate_limited" to { subscription.rejected(LiveException(ErrorCode.RateLimited, "too many", 1.seconds)) },
        "forbidden" to { subscription.rejected(LiveException(ErrorCode.Forbidden, "not for you")) },
        "no reply" to { subscription.timedOut() },
        "unsubscribe" to { subscription.unsubscribedByServer { LiveException(ErrorCode.NotSubscribed, "ended") } },
        "connection lost" to { subscription.disconnected() },
        "timer" to { awaitTimers() },
        "last collector gone" to { removeCollector() },
    )

private val replyEvents = setOf("ack", "rate_limited", "forbidden", "no reply")

/** The next state of each state and event. All other events change nothing. */
private val transitions: Map<Pair<String, String>, String> =
    """
    idle                | write                              | subscribing
    subscribing         | ack                                | subscribed
    subscribing         | rate_limited                       | subscribe delayed
    subscribing         | no reply                           | unknown
    subscribing         | forbidden, connection lost         | idle
    subscribed          | unsubscribe, connection lost       | idle
    outdated            | write                              | unsubscribing
    outdated            | unsubscribe, connection lost       | idle
    unsubscribing       | rate_limited                       | unsubscribe delayed
    unsubscribing       | ack, forbidden, no reply           | idle
    unsubscribing       | unsubscribe, connection lost       | idle
    unknown             | write                              | unsubscribing
    unknown             | connection lost                    | idle
    subscribe delayed   | timer, last collector gone         | idle
    subscribe delayed   | unsubscribe, connection lost       | idle
    unsubscribe delayed | timer, last collector gone         | unknown
    unsubscribe delayed | connection lost                    | idle
    """.trimIndent().lines().flatMap { line ->
        val (state, happened, next) = line.split('|').map { it.trim() }
        happened.split(", ").map { event -> (state to event) to next }
    }.toMap()

/** Leads a topic without a collector to each state. It then has a collector. */
private val states: Map<String, Topic.() -> Unit> =
    mapOf(
        "idle" to { addCollector() },
        "subscribing" to { subscribe() },
        "subscribed" to {
            subscribe()
            subscription.accepted(Message(MessageType.ACK))
        },
        "outdated" to { becomeOutdated() },
        "unsubscribing" to { unsubscribe() },
        "unknown" to {
            subscribe()
            subscription.timedOut()
            addCollector()
        },
        "subscribe delayed" to {
            subscribe()
            events.getValue("rate_limited").invoke(this)
        },
        "unsubscribe delayed" to {
            unsubscribe()
            events.getValue("rate_limited").invoke(this)
        },
    )

/** One topic, with a linger of 5 s. */
private class Topic(private val scope: TestScope) {
    private val pending = PendingReplies()
    private val replyTimers = ArrayList<Job>()
    private var collector: CollectorBuffer? = null

    /** Number of calls by timers of the subscription. */
    var timersEnded = 0
        private set

    val subscription =
        TopicSubscription("room", scope.backgroundScope, 10.seconds, 5.seconds, ::expectReply) { timersEnded++ }

    val state: String
        get() =
            when (subscription.state) {
                SubscriptionState.Idle -> "idle"
                is SubscriptionState.Subscribing -> "subscribing"
                is SubscriptionState.Subscribed -> "subscribed"
                SubscriptionState.Outdated -> "outdated"
                is SubscriptionState.Unsubscribing -> "unsubscribing"
                SubscriptionState.Unknown -> "unknown"
                is SubscriptionState.SubscribeDelayed -> "subscribe delayed"
                is SubscriptionState.UnsubscribeDelayed -> "unsubscribe delayed"
            }

    /** The reply timers that have not been cancelled. */
    val pendingReplies: List<Job> get() = replyTimers.filter { it.isActive }

    fun addCollector() {
        val added = CollectorBuffer("topic 'room'", CollectorOverflow.Fail) { true }
        collector = added
        subscription.add(added)
    }

    fun removeCollector() {
        collector?.let(subscription::remove)
        collector = null
    }

    fun subscribe() {
        addCollector()
        subscription.take()?.type shouldBe MessageType.SUBSCRIBE
    }

    fun becomeOutdated() {
        subscribe()
        subscription.accepted(Message(MessageType.ACK, body = Body.json("""{"welcome":1}""")))
        removeCollector()
        subscription.deliver(Message(MessageType.MESSAGE, "room"))
        addCollector()
    }

    fun unsubscribe() {
        becomeOutdated()
        subscription.take()?.type shouldBe MessageType.UNSUBSCRIBE
    }

    fun awaitTimers() {
        scope.advanceTimeBy(1.minutes)
        scope.runCurrent()
    }

    private fun expectReply(): SubscriptionReply {
        val timer = Job(scope.backgroundScope.coroutineContext[Job])
        replyTimers += timer
        return SubscriptionReply("~${replyTimers.size}", Ignored, pending, timer)
    }

    /** The test calls the subscription itself. */
    private object Ignored : SubscriptionReply.Listener {
        override fun onReply(reply: Message): Unit = Unit

        override fun onError(error: LiveException): Unit = Unit

        override fun onTimeout(): Unit = Unit

        override fun onConnectionLost(wasTooLarge: Boolean): Unit = Unit
    }
}
