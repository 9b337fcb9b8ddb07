package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.server.broker.HistoryBounds
import dev.live.server.support.text
import io.kotest.matchers.collections.shouldNotContain
import io.kotest.matchers.shouldBe

/** The model of a topic's history: all messages published in this epoch, and the part that [settings] keep. */
internal class PublishedLog(val name: String, private val settings: HistoryBounds, private val now: () -> Long) {
    private class Line(val text: String, val at: Long)

    private val lines = ArrayList<Line>()
    private val epochs = ArrayList<String>()
    private var evicted = 0
    private var bytes = 0

    var epoch: String? = null
        private set

    /** Number of the next message. It continues across epochs, so that every message is unique. */
    var number = 0

    val last: Long get() = lines.size.toLong()

    val position: Position get() = Position(epoch!!, last)

    /** When the topic became unused. */
    var idleSince = 0L

    suspend fun checkEpoch(registry: TopicRegistry) {
        val found = registry.history(name, since = null).position.epoch
        if (epoch == null) {
            epochs shouldNotContain found
            epochs += found
            epoch = found
            idleSince = now()
        }
        found shouldBe epoch
    }

    suspend fun add(registry: TopicRegistry, body: ByteArray) {
        checkEpoch(registry)
        lines += Line(body.decodeToString(), now())
        bytes += body.size
    }

    fun textAt(offset: Long): String = lines[offset.toInt() - 1].text

    /** Whether all messages after [position] are still available. */
    fun contains(position: Position): Boolean {
        evict()
        return position.epoch == epoch && position.offset >= evicted
    }

    /** Whether the history of the unused topic has expired. */
    fun isOutdated(): Boolean {
        evict()
        return evicted == lines.size && now() - idleSince > settings.age.inWholeMilliseconds
    }

    fun forget() {
        lines.clear()
        evicted = 0
        bytes = 0
        epoch = null
    }

    private fun evict() {
        while (evicted < lines.size) {
            val isOld = now() - lines[evicted].at > settings.age.inWholeMilliseconds
            if (!isOld && lines.size - evicted <= settings.size && bytes <= settings.bytes) return
            bytes -= lines[evicted++].text.length
        }
    }
}

/** A client that tracks its position in [log] and fails on any message other than the next one. */
internal class RecoveringReader(val log: PublishedLog) : Subscriber("reader") {
    /** The topic that it is subscribed to or catching up with; null while disconnected. */
    var hub: ActiveTopic? = null
    var behind: SubscribeResult.CatchUp? = null
    var isSubscribed = false

    /** The position of its last message; null before the first subscribe. */
    var position: Position? = null
        private set

    val offset: Long get() = position!!.offset

    private var expectsRecovery = false
    private val received = ArrayList<Message>()

    /** The position that it sends when it subscribes again. */
    fun recoveryPosition(): Position? {
        expectsRecovery = position?.let(log::contains) == true
        return position
    }

    fun onDisconnect() {
        hub = null
        behind = null
        isSubscribed = false
    }

    fun onMessage(message: Message) {
        if (message.type == MessageType.ACK) {
            if (message.body != null) onSubscribed(message.decode<SubscribedData>())
            return
        }
        message.offset shouldBe offset + 1
        message.text() shouldBe log.textAt(offset + 1)
        position = Position(position!!.epoch, offset + 1)
    }

    private fun onSubscribed(data: SubscribedData) {
        data.recovered shouldBe expectsRecovery
        data.epoch shouldBe log.epoch
        data.offset shouldBe log.last
        if (!data.recovered) position = Position(data.epoch, data.offset)
    }

    /** Checks the received messages. Not done in [offer], where a failure would only be logged. */
    fun drain() {
        received.forEach(::onMessage)
        received.clear()
    }

    override fun offer(message: PreparedMessage): Boolean = received.add(message.message)

    override fun offer(batch: MessageBatch): Boolean = batch.messages.all(::offer)
}
