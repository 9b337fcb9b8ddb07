package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.of
import dev.live.server.topic.Topic

/**
 * The sessions on this node that are subscribed to this topic, in no order. They receive the next published message.
 *
 * Suspends until the topic has delivered all messages published before this call.
 */
public suspend fun Topic.subscribedSessions(): List<Session<*>> =
    subscribersNow().map { (it as TopicSubscription<*>).session }

/**
 * Publishes [body] to every subscriber on every node, but not to the session [except]; otherwise like [Topic.publish].
 */
public suspend fun Topic.publish(body: Body?, except: Session<*>): Unit = publishExcept(body, except.id)

/** Publishes [value] as JSON to every subscriber but [except]; see [Topic.publish]. */
public suspend inline fun <reified T> Topic.publish(value: T, except: Session<*>): Unit =
    publish(Body.of(value), except)

/**
 * Sends [body] as a message of this topic to the subscribers on this node for which [where] is true. Returns the number
 * of sessions that accepted it.
 *
 * [where] runs in the caller, once per subscriber, before the first delivery; its exceptions are thrown to the caller.
 * The message is not stored in the history or emitted by [Topic.messages], and its order relative to concurrent
 * publishes is not defined. A session that unsubscribes meanwhile does not receive it.
 */
public suspend fun Topic.publish(body: Body?, where: (Session<*>) -> Boolean): Int {
    val selected = subscribersNow().filter { where((it as TopicSubscription<*>).session) }
    return if (selected.isEmpty()) 0 else deliverTo(selected, body)
}

/** Sends [value] as JSON to the subscribers for which [where] is true; see the other `publish`. */
public suspend inline fun <reified T> Topic.publish(value: T, noinline where: (Session<*>) -> Boolean): Int =
    publish(Body.of(value), where)
