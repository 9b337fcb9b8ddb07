package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.of
import dev.live.server.topic.Topic

/**
 * The sessions that have joined this topic on this node: those that get what is published next. In no order.
 *
 * Suspends until the topic's delivery has caught up with what was published before.
 */
public suspend fun Topic.subscribedSessions(): List<Session<*>> = subscribersNow().map { (it as Membership).owner }

/** Publishes [body] to every subscriber but [except], wherever they are; otherwise as [Topic.publish]. */
public suspend fun Topic.publish(body: Body?, except: Session<*>): Unit = publishExcept(body, except.id)

/** Publishes [value] as JSON to every subscriber but [except]; see [Topic.publish]. */
public suspend inline fun <reified T> Topic.publish(value: T, except: Session<*>): Unit =
    publish(Body.of(value), except)

/**
 * Sends [body] as a message of this topic to those of its [members] for which [where] is true; how many took it.
 *
 * [where] runs in the caller, once for each member, before anybody gets anything: what it throws is thrown here. It
 * reaches this node's members only, is in no history and in nobody's [Topic.messages], and has no place of its own
 * among what others publish at the same time. Who leaves meanwhile does not get it.
 */
public suspend fun Topic.publish(body: Body?, where: (Session<*>) -> Boolean): Int {
    val chosen = subscribersNow().filter { where((it as Membership).owner) }
    return if (chosen.isEmpty()) 0 else deliverTo(chosen, body)
}

/** Sends [value] as JSON to the members for which [where] is true; see the other `publish`. */
public suspend inline fun <reified T> Topic.publish(value: T, noinline where: (Session<*>) -> Boolean): Int =
    publish(Body.of(value), where)
