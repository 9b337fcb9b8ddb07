package dev.live.server.session

import java.util.concurrent.ConcurrentHashMap

/**
 * The subscriptions of one session, by topic. An array up to [MAX_FEW], which is nearly every session: a hash map with
 * one entry takes 150 bytes more.
 *
 * A superclass instead of a field, to avoid one object per session. Any thread may read it; [put] and [remove] are only
 * called under the session's lock.
 */
internal abstract class SubscriptionTable<S : Any> {
    /** Replaced by each change. Empty from the first change that exceeds [MAX_FEW]. */
    @Volatile
    private var few: Array<S> = none()

    /** Null until the first change that exceeds [MAX_FEW]. Written before [few] is emptied, and read after it. */
    @Volatile
    private var many: ConcurrentHashMap<String, S>? = null

    protected abstract fun topicOf(subscription: S): String

    /** A snapshot of the subscriptions. */
    val all: List<S>
        get() = few.asList().ifEmpty { many?.let { ArrayList(it.values) } ?: emptyList() }

    val count: Int get() = few.size.takeIf { it > 0 } ?: many?.size ?: 0

    operator fun get(topic: String): S? {
        val current = few
        for (subscription in current) if (topicOf(subscription) == topic) return subscription
        return if (current.isEmpty()) many?.get(topic) else null
    }

    operator fun contains(topic: String): Boolean = get(topic) != null

    /** Adds [subscription], in the place of one to the same topic. */
    protected fun put(subscription: S) {
        many?.let {
            it[topicOf(subscription)] = subscription
            return
        }
        val others = few.filter { topicOf(it) != topicOf(subscription) }
        if (others.size < MAX_FEW) {
            few = arrayOf(others + subscription)
        } else {
            many = (others + subscription).associateByTo(ConcurrentHashMap(), ::topicOf)
            few = none()
        }
    }

    /** Removes [subscription], if it is present. */
    protected fun remove(subscription: S) {
        many?.let {
            it.remove(topicOf(subscription), subscription)
            return
        }
        few = arrayOf(few.filter { it !== subscription })
    }

    companion object {
        /** Searching so many topics takes no longer than a hash map with its hash code. */
        const val MAX_FEW: Int = 8

        private val NONE = emptyArray<Any>()

        // the element type of an array does not exist at run time
        @Suppress("UNCHECKED_CAST")
        private fun <S : Any> arrayOf(subscriptions: List<S>): Array<S> =
            (if (subscriptions.isEmpty()) NONE else (subscriptions as List<Any>).toTypedArray()) as Array<S>

        private fun <S : Any> none(): Array<S> = arrayOf(emptyList())
    }
}
