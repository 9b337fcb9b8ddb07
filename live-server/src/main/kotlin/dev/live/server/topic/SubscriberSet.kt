package dev.live.server.topic

/**
 * The subscribers of one topic on this node, in no order.
 *
 * Only accessed by the topic's fan-out coroutine, which also carries out joins and leaves: so there is no lock and no
 * copy, and both cost the same at ten and at a hundred thousand subscribers.
 *
 * Not a collector of a `SharedFlow` for each subscriber on purpose: its `collect` scans all slots under one lock for
 * each value a collector takes, which is quadratic in subscribers (kotlinx.coroutines#4030).
 */
internal class SubscriberSet {
    private var members = arrayOfNulls<Subscriber>(INITIAL_CAPACITY)

    var size: Int = 0
        private set

    /** Offers that were made since this was last set to 0. */
    var offers: Int = 0

    /** Adds [subscriber]; nothing happens if it is in already. */
    fun add(subscriber: Subscriber) {
        if (subscriber.index >= 0) return
        if (size == members.size) members = members.copyOf(size * 2)
        subscriber.index = size
        members[size++] = subscriber
    }

    /** Removes [subscriber], whose place the last one takes; nothing happens if it is not in. */
    fun remove(subscriber: Subscriber) {
        val place = subscriber.index
        if (place < 0) return
        val last = members[--size]!!
        members[place] = last
        last.index = place
        members[size] = null
        subscriber.index = -1
        if (members.size > INITIAL_CAPACITY && size < members.size / SHRINK_BELOW) {
            members = members.copyOf(members.size / 2)
        }
    }

    /**
     * Offers [message] to every subscriber but the session it excepts. What the last of them to fail throws, such as a
     * codec that cannot write the message, is thrown when all have been offered it.
     */
    fun deliver(message: PreparedMessage) {
        var failure: Throwable? = null
        for (i in 0 until size) failure = members[i]!!.tryOffer(message) ?: failure
        if (failure != null) throw failure
    }

    /** As the other [deliver], but not to those who are in [others]. */
    fun deliver(message: PreparedMessage, others: Set<Subscriber>) {
        var failure: Throwable? = null
        for (i in 0 until size) {
            val subscriber = members[i]!!
            if (subscriber !in others) failure = subscriber.tryOffer(message) ?: failure
        }
        if (failure != null) throw failure
    }

    /** As [deliver] of each message in [run], but those that have room for all of it get it as one. */
    fun deliver(run: MessageBatch) {
        var failure: Throwable? = null
        for (i in 0 until size) {
            val subscriber = members[i]!!
            offers++
            if (subscriber.tookAll(run)) continue
            for (message in run.messages) failure = subscriber.tryOffer(message) ?: failure
        }
        if (failure != null) throw failure
    }

    /** Who is in now. */
    fun all(): List<Subscriber> = List(size) { members[it]!! }

    /**
     * Offers [message] to those of [chosen] that are still in, and returns how many took it; fails as [deliver] does.
     */
    fun deliver(message: PreparedMessage, chosen: List<Subscriber>): Int {
        var failure: Throwable? = null
        var taken = 0
        for (subscriber in chosen) {
            if (subscriber.index < 0) continue
            try {
                offers++
                if (subscriber.offer(message)) taken++
            } catch (e: Throwable) {
                failure = e // the others still get it
            }
        }
        if (failure != null) throw failure
        return taken
    }

    private fun Subscriber.tookAll(run: MessageBatch): Boolean =
        try {
            run.isAllFor(session) && offer(run)
        } catch (_: Throwable) {
            false // a codec that cannot write one of them: that one fails again, alone, and the others do not
        }

    private fun Subscriber.tryOffer(message: PreparedMessage): Throwable? =
        try {
            offers++
            if (message.except == null || message.except != session) offer(message)
            null
        } catch (e: Throwable) {
            e
        }

    private companion object {
        const val INITIAL_CAPACITY = 4 // most topics are small: a user's devices, a document's editors
        const val SHRINK_BELOW = 4 // a quarter, so that one subscriber coming and going does not copy each time
    }
}
