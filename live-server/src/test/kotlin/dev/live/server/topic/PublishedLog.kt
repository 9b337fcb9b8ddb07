package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.server.support.text
import io.kotest.matchers.collections.shouldNotContain
import io.kotest.matchers.shouldBe

/** All that was published to a topic since its history began, and what of it [settings] leave: the truth of a model. */
internal class PublishedLog(val name: String, private val settings: HistorySettings, private val now: () -> Long) {
    private class Line(val word: String, val at: Long)

    private val lines = ArrayList<Line>()
    private val epochs = ArrayList<String>()
    private var gone = 0
    private var bytes = 0

    var epoch: String? = null
        private set

    /** Of the next message; goes on in another epoch, so that no message looks like another. */
    var number = 0

    val last: Long get() = lines.size.toLong()

    val position: Position get() = Position(epoch!!, last)

    suspend fun isOf(hub: ActiveTopic) {
        val found = hub.recall(null)!!.position.epoch
        if (epoch == null) {
            epochs shouldNotContain found
            epochs += found
            epoch = found
        }
        found shouldBe epoch
    }

    suspend fun add(hub: ActiveTopic, body: ByteArray) {
        isOf(hub)
        lines += Line(body.decodeToString(), now())
        bytes += body.size
    }

    fun wordAt(offset: Long): String = lines[offset.toInt() - 1].word

    /** Whether all that came after [position] is there to be had. */
    fun keeps(position: Position): Boolean {
        evict()
        return position.epoch == epoch && position.offset >= gone
    }

    /** Whether a history that nobody has used since [idleSince] is of no use any more. */
    fun isOutdated(idleSince: Long): Boolean {
        evict()
        return gone == lines.size && now() - idleSince > settings.age.inWholeMilliseconds
    }

    fun forget() {
        lines.clear()
        gone = 0
        bytes = 0
        epoch = null
    }

    private fun evict() {
        while (gone < lines.size) {
            val isOld = now() - lines[gone].at > settings.age.inWholeMilliseconds
            if (!isOld && lines.size - gone <= settings.size && bytes <= settings.bytes) return
            bytes -= lines[gone++].word.length
        }
    }
}

/** A client that remembers how far it is in [log], and knows if it is given anything else than what comes next. */
internal class RecoveringReader(val log: PublishedLog) : Subscriber("reader") {
    /** Where it is, or still catches up; null while it is away. */
    var hub: ActiveTopic? = null
    var behind: Joining.Behind? = null
    var isIn = false

    /** Where it stands; null before it ever was there. */
    var position: Position? = null
        private set

    val has: Long get() = position!!.offset

    private var isToRecover = false
    private val arrived = ArrayList<Message>()

    /** What it asks for when it comes back. */
    fun expect(): Position? {
        isToRecover = position?.let(log::keeps) == true
        return position
    }

    fun gone() {
        hub = null
        behind = null
        isIn = false
    }

    fun take(message: Message) {
        if (message.type == MessageType.ACK) {
            if (message.body != null) joined(message.decode<SubscribedData>())
            return
        }
        message.offset shouldBe has + 1
        message.text() shouldBe log.wordAt(has + 1)
        position = Position(position!!.epoch, has + 1)
    }

    private fun joined(data: SubscribedData) {
        data.recovered shouldBe isToRecover
        data.epoch shouldBe log.epoch
        data.offset shouldBe log.last
        if (!data.recovered) position = Position(data.epoch, data.offset)
    }

    /** Looks at what has come: not where it is offered, for there a fault would be one subscriber's and only logged. */
    fun drain() {
        arrived.forEach(::take)
        arrived.clear()
    }

    override fun offer(message: PreparedMessage): Boolean = arrived.add(message.message)

    override fun offer(run: MessageBatch): Boolean = run.messages.all(::offer)
}
