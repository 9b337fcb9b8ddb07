package dev.live.server.topic

/**
 * The subscribers of one topic on this node, in no order.
 *
 * Only accessed by the topic's actor, which also adds and removes subscribers. So there is no lock and no copy, and
 * adding or removing a subscriber costs the same for ten and for a hundred thousand subscribers.
 *
 * Not a collector of a `SharedFlow` per subscriber on purpose: its `collect` scans all slots under one lock for each
 * value a collector takes, which is quadratic in subscribers (kotlinx.coroutines#4030).
 */
internal class SubscriberSet {
    private var subscribers = arrayOfNulls<Subscriber>(INITIAL_CAPACITY)

    var size: Int = 0
        private set

    /** Number of offers since this was last set to 0. */
    var offers: Int = 0

    /** Adds [subscriber], unless it is already in the set. */
    fun add(subscriber: Subscriber) {
        if (subscriber.index >= 0) return
        if (size == subscribers.size) subscribers = subscribers.copyOf(size * 2)
        subscriber.index = size
        subscribers[size++] = subscriber
    }

    /** Removes [subscriber], if present; the last subscriber moves to its index. */
    fun remove(subscriber: Subscriber) {
        val index = subscriber.index
        if (index < 0) return
        val last = subscribers[--size]!!
        subscribers[index] = last
        last.index = index
        subscribers[size] = null
        subscriber.index = -1
        if (subscribers.size > INITIAL_CAPACITY && size < subscribers.size / SHRINK_BELOW) {
            subscribers = subscribers.copyOf(subscribers.size / 2)
        }
    }

    /**
     * Offers [message] to every subscriber but the excluded session and those in [others]. After all offers, throws the
     * last failure, such as that of a codec that cannot encode the message.
     */
    fun deliver(message: PreparedMessage, others: Set<Subscriber> = emptySet()) {
        val hasOthers = others.isNotEmpty()
        offerToAll { subscriber ->
            val isExcluded = message.except != null && message.except == subscriber.sessionId
            if (!isExcluded && !(hasOthers && subscriber in others)) subscriber.offer(message)
        }
    }

    /** Like [deliver] for each message of [batch]; a subscriber with capacity for all of them receives them as one. */
    fun deliver(batch: MessageBatch) {
        var failure: Throwable? = null
        for (i in 0 until size) {
            val subscriber = subscribers[i]!!
            offers++
            if (subscriber.offerBatch(batch)) continue
            for (message in batch.messages) {
                offers++
                if (message.except == subscriber.sessionId) continue
                try {
                    subscriber.offer(message)
                } catch (e: Throwable) {
                    failure = e
                }
            }
        }
        if (failure != null) throw failure
    }

    /** Offers [message] to every subscriber, in the place of its waiting messages of the topic. */
    fun deliverGap(message: PreparedMessage) {
        offerToAll { it.offerFinal(message) }
    }

    private inline fun offerToAll(offer: (Subscriber) -> Unit) {
        var failure: Throwable? = null
        for (i in 0 until size) {
            offers++
            try {
                offer(subscribers[i]!!)
            } catch (e: Throwable) {
                failure = e // the other subscribers still receive it
            }
        }
        if (failure != null) throw failure
    }

    /** The current subscribers. */
    fun all(): List<Subscriber> = List(size) { subscribers[it]!! }

    /**
     * Offers [message] to the subscribers in [chosen] that are still in the set, and returns how many accepted it.
     * Throws like [deliver].
     */
    fun deliver(message: PreparedMessage, chosen: List<Subscriber>): Int {
        var failure: Throwable? = null
        var accepted = 0
        for (subscriber in chosen) {
            if (subscriber.index < 0) continue
            try {
                offers++
                if (subscriber.offer(message)) accepted++
            } catch (e: Throwable) {
                failure = e // the other subscribers still receive it
            }
        }
        if (failure != null) throw failure
        return accepted
    }

    private fun Subscriber.offerBatch(batch: MessageBatch): Boolean =
        try {
            batch.isFor(sessionId) && offer(batch)
        } catch (_: Throwable) {
            false // the codec cannot encode one of the messages: single delivery fails for that one only
        }

    private companion object {
        const val INITIAL_CAPACITY = 4 // most topics are small: a user's devices, a document's editors
        const val SHRINK_BELOW = 4 // a quarter, so that alternating adds and removes do not copy the array each time
    }
}
