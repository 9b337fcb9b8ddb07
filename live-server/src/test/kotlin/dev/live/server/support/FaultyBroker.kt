package dev.live.server.support

import dev.live.protocol.Position
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import dev.live.server.broker.StoredPublication
import kotlinx.coroutines.awaitCancellation
import java.io.IOException
import kotlin.random.Random

/**
 * A broker whose publications are underway until the test delivers them: in any order, twice, or never. It may also
 * fail to read histories, and lose them. Its histories are right otherwise, so it is a correct [Broker].
 */
internal class FaultyBroker(private val random: Random) : Broker {
    private class Log(var epoch: String) {
        val entries = ArrayList<StoredPublication>()
        var last = 0L

        /** Up to where the current epoch contains the publications of the one before; null if it does not. */
        var continued: Position? = null
    }

    private val logs = HashMap<String, Log>()
    private val underway = ArrayList<StoredPublication>()
    private lateinit var sink: BrokerSink
    private var epochs = 0

    /** Whether reads of histories fail. */
    var isUnavailable = false

    /** Number of publications that are underway. */
    val size: Int get() = underway.size

    override suspend fun run(sink: BrokerSink) {
        this.sink = sink
        awaitCancellation()
    }

    override suspend fun publish(publication: Publication): Position {
        val log = log(publication.topic)
        val stored = StoredPublication(publication, Position(log.epoch, ++log.last))
        log.entries += stored
        if (log.entries.size > MAX_STORED) log.entries.removeFirst()
        underway += stored
        return stored.position
    }

    override suspend fun subscribe(topic: String, history: HistoryBounds?): Position = position(topic)

    override suspend fun unsubscribe(topic: String) = Unit

    override suspend fun history(topic: String, since: Position?, history: HistoryBounds): StoredHistory {
        if (isUnavailable) throw IOException("the connection is lost")
        val log = log(topic)
        val first = log.last - log.entries.size
        val continued = log.continued?.takeIf { it.epoch == since?.epoch }
        val isKnown =
            since == null || since.epoch == log.epoch || (continued != null && since.offset <= continued.offset)
        val isComplete = since == null || (isKnown && since.offset in first..log.last)
        val skipped = if (since != null && isComplete) (since.offset - first).toInt() else 0
        return StoredHistory(position(topic), log.entries.drop(skipped), isComplete, continued)
    }

    fun position(topic: String): Position = log(topic).run { Position(epoch, last) }

    /** Delivers one of the publications that are underway. */
    suspend fun deliver() {
        if (underway.isNotEmpty()) deliver(underway.removeAt(random.nextInt(underway.size)))
    }

    /** Delivers one of the publications that are underway, and leaves it underway. */
    suspend fun duplicate() {
        if (underway.isNotEmpty()) deliver(underway.random(random))
    }

    /** Loses one of the publications that are underway, without a notice. */
    fun lose() {
        if (underway.isNotEmpty()) underway.removeAt(random.nextInt(underway.size))
    }

    /** Loses everything that is underway, and reports it. */
    suspend fun interrupt() {
        underway.clear()
        sink.interrupted()
    }

    /** Loses the history of [topic]. It continues in a new epoch, perhaps with the same offsets. */
    fun failOver(topic: String) {
        val log = log(topic)
        log.epoch = newEpoch()
        log.continued = null
        log.entries.clear()
        if (random.nextBoolean()) log.last = 0
    }

    /**
     * Restarts with the history of [topic], without its newest publications or with all of them. It continues in a new
     * epoch with the same offsets. Returns the positions of the stored publications in the earlier and the new epoch.
     */
    fun restart(topic: String): List<Pair<Position, Position>> {
        val log = log(topic)
        repeat(minOf(random.nextInt(3), log.entries.size)) {
            log.entries.removeLast()
            log.last--
        }
        log.continued = Position(log.epoch, log.last)
        log.epoch = newEpoch()
        val moved = log.entries.map { StoredPublication(it.publication, Position(log.epoch, it.position.offset)) }
        val positions = log.entries.map { it.position }.zip(moved.map { it.position })
        log.entries.clear()
        log.entries += moved
        return positions
    }

    private suspend fun deliver(stored: StoredPublication) = sink.deliver(stored.publication, stored.position)

    private fun log(topic: String) = logs.getOrPut(topic) { Log(newEpoch()) }

    private fun newEpoch() = "epoch${epochs++}"

    private companion object {
        const val MAX_STORED = 100
    }
}
