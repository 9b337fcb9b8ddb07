package dev.live.benchmarks.load.generator

/**
 * Compares every delivery with the publishes: each subscriber of a topic must receive each of its messages once, and
 * the messages of one publisher in publish order.
 *
 * It uses arrays only, and [deliver] allocates nothing.
 *
 * @param publishers publishers of each topic. Servers define no order between publishers on several connections
 */
internal class DeliveryChecker(private val layout: Layout, private val publishers: Int = 1) {
    private val ringSequence = IntArray(RING) { -1 }
    private val ringTopic = IntArray(RING)
    private val ringPublisher = IntArray(RING)
    private val ringNumber = IntArray(RING)
    private val ringLeft = IntArray(RING)
    private val published = IntArray(layout.topics * publishers)
    private val last = IntArray(layout.subscriptions * publishers)
    private val missing = IntArray(layout.subscriptions * publishers)
    private var next = 0

    /** Messages that a subscriber received a second time. */
    var duplicates = 0L
        private set

    /** Messages that arrived after a later one of the same topic and publisher. */
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

    /** The publisher of the last delivered message. */
    var lastPublisher = 0
        private set

    /** Records a publish to [topic]. Returns its sequence number, which goes into the marker. */
    fun publish(topic: Int, publisher: Int = 0): Int {
        val sequence = next++
        val slot = sequence and RING - 1
        ringSequence[slot] = sequence
        ringTopic[slot] = topic
        ringPublisher[slot] = publisher
        ringNumber[slot] = ++published[topic * publishers + publisher]
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
        lastPublisher = ringPublisher[slot]
        val subscription = if (ringSequence[slot] == sequence) layout.subscription(client, lastTopic) else -1
        if (subscription < 0) {
            strays++
            return false
        }
        if (!isFresh(subscription * publishers + lastPublisher, ringNumber[slot])) return false
        if (--ringLeft[slot] > 0) return false
        open--
        return true
    }

    /** Messages that have not arrived. Only valid when no message is in flight. */
    fun lost(): Long {
        var lost = 0L
        for (i in last.indices) {
            val topic = layout.topicOf(i / publishers)
            lost += missing[i] + published[topic * publishers + i % publishers] - last[i]
        }
        return lost
    }

    /** [stream] is a subscription together with a publisher: the messages of a stream are ordered. */
    private fun isFresh(stream: Int, number: Int): Boolean {
        val gap = number - last[stream] - 1
        if (gap >= 0) {
            last[stream] = number
            missing[stream] += gap
            return true
        }
        if (missing[stream] == 0) {
            duplicates++
            return false
        }
        missing[stream]--
        outOfOrder++
        return true
    }

    private companion object {
        const val RING = 1 shl 16 // maximum number of publishes in flight; a power of two
    }
}
