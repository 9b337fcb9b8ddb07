package dev.live.benchmarks.load

/**
 * Holds every delivery against what was published: each subscriber of a topic must get each of its messages once, in
 * the order in which they were published.
 *
 * Arrays only, and nothing is allocated by [deliver].
 */
internal class Ledger(private val layout: Layout) {
    private val ringSequence = IntArray(RING) { -1 }
    private val ringTopic = IntArray(RING)
    private val ringNumber = IntArray(RING)
    private val ringLeft = IntArray(RING)
    private val published = IntArray(layout.topics)
    private val last = IntArray(layout.subscriptions)
    private val missing = IntArray(layout.subscriptions)
    private var next = 0

    /** Messages that a subscriber got a second time. */
    var duplicates = 0L
        private set

    /** Messages that came after a later one of the same topic. */
    var outOfOrder = 0L
        private set

    /** Deliveries to somebody who had not subscribed, or of something that was never published. */
    var strays = 0L
        private set

    /** Publishes that not everybody has got. */
    var open = 0
        private set

    /** The topic of the message that [deliver] was called with last. */
    var lastTopic = 0
        private set

    /** Notes a publish to [topic]; returns its number, which goes into the marker. */
    fun publish(topic: Int): Int {
        val sequence = next++
        val place = sequence and RING - 1
        ringSequence[place] = sequence
        ringTopic[place] = topic
        ringNumber[place] = ++published[topic]
        ringLeft[place] = layout.perTopic
        open++
        return sequence
    }

    /** Notes that [client] got message [sequence]; returns whether it was the last of its subscribers to get it. */
    fun deliver(client: Int, sequence: Int): Boolean {
        val place = sequence and RING - 1
        lastTopic = ringTopic[place]
        val subscription = if (ringSequence[place] == sequence) layout.subscription(client, lastTopic) else -1
        if (subscription < 0) {
            strays++
            return false
        }
        if (!isFresh(subscription, ringNumber[place])) return false
        if (--ringLeft[place] > 0) return false
        open--
        return true
    }

    /** Messages that have not arrived; right once nothing is under way any more. */
    fun lost(): Long {
        var lost = 0L
        for (i in last.indices) lost += missing[i] + published[layout.topicOf(i)] - last[i]
        return lost
    }

    private fun isFresh(subscription: Int, number: Int): Boolean {
        val gap = number - last[subscription] - 1
        if (gap >= 0) {
            last[subscription] = number
            missing[subscription] += gap
            return true
        }
        if (missing[subscription] == 0) {
            duplicates++
            return false
        }
        missing[subscription]--
        outOfOrder++
        return true
    }

    private companion object {
        const val RING = 1 shl 16 // publishes that can be under way; a power of two
    }
}
