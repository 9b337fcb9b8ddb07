package dev.live.benchmarks.load.generator

/**
 * Compares every delivery with the publishes: each subscriber of a topic must receive each of its messages once, in
 * publish order.
 *
 * It uses arrays only, and [deliver] allocates nothing.
 */
internal class DeliveryChecker(private val layout: Layout) {
    private val ringSequence = IntArray(RING) { -1 }
    private val ringTopic = IntArray(RING)
    private val ringNumber = IntArray(RING)
    private val ringLeft = IntArray(RING)
    private val published = IntArray(layout.topics)
    private val last = IntArray(layout.subscriptions)
    private val missing = IntArray(layout.subscriptions)
    private var next = 0

    /** Messages that a subscriber received a second time. */
    var duplicates = 0L
        private set

    /** Messages that arrived after a later one of the same topic. */
    var outOfOrder = 0L
        private set

    /** Deliveries to a client without a subscription, or of a message that was never published. */
    var strays = 0L
        private set

    /** Publishes that some subscribers have not received yet. */
    var open = 0
        private set

    /** The topic of the last delivered message. */
    var lastTopic = 0
        private set

    /** Records a publish to [topic]. Returns its sequence number, which goes into the marker. */
    fun publish(topic: Int): Int {
        val sequence = next++
        val slot = sequence and RING - 1
        ringSequence[slot] = sequence
        ringTopic[slot] = topic
        ringNumber[slot] = ++published[topic]
        ringLeft[slot] = layout.perTopic
        open++
        return sequence
    }

    /**
     * Records that [client] received message [sequence]. Returns true if this completes the publish for all
     * subscribers.
     */
    fun deliver(client: Int, sequence: Int): Boolean {
        val slot = sequence and RING - 1
        lastTopic = ringTopic[slot]
        val subscription = if (ringSequence[slot] == sequence) layout.subscription(client, lastTopic) else -1
        if (subscription < 0) {
            strays++
            return false
        }
        if (!isFresh(subscription, ringNumber[slot])) return false
        if (--ringLeft[slot] > 0) return false
        open--
        return true
    }

    /** Messages that have not arrived. Only valid when no message is in flight. */
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
        const val RING = 1 shl 16 // maximum number of publishes in flight; a power of two
    }
}
