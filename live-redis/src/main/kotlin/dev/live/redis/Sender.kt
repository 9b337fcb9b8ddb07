package dev.live.redis

import dev.live.protocol.Position
import io.lettuce.core.RedisCommandExecutionException
import io.lettuce.core.RedisException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.collectLatest
import java.util.concurrent.CompletionException

/**
 * Sends the publications of the [outbox] to Redis. Everything that waits goes out in one write: a write for each
 * command costs four times the CPU.
 */
internal class Sender(
    private val outbox: Outbox,
    private val link: RedisLink<Commands>,
    private val keys: RedisKeys,
    private val settings: RedisSettings,
    private val localDeliveries: LocalDeliveries,
) {
    private val rejected = RateLimitedLog()
    private val notPublished = RateLimitedLog()

    /** Sends until it is cancelled. */
    suspend fun run(): Unit =
        link.connection.collectLatest { connection ->
            if (connection == null) return@collectLatest
            outbox.connected()
            while (true) {
                outbox.wake.receive()
                localDeliveries.report(connection) // first: later publications must be in the new epoch
                send(connection)
            }
        }

    private suspend fun send(connection: Commands) {
        // on a lost connection everything would fail: it waits in the outbox for the next one
        while (connection.isOpen && link.connection.value === connection) {
            currentCoroutineContext().ensureActive()
            val plain = outbox.takePlain(MAX_FLUSH)
            val batches = outbox.takeBatches(MAX_FLUSH - plain.size)
            if (plain.isEmpty() && batches.isEmpty()) return
            for (publication in plain) {
                orFail({ outbox.done(publication, exceptionOf(connection, it)) }) {
                    send(connection, publication)
                }
            }
            for (batch in batches) orFail({ fail(connection, batch, it) }) { send(connection, batch) }
            orFail({}) { connection.flushCommands() }
        }
    }

    /** Lettuce may throw if the connection is closed at this moment. */
    private inline fun orFail(onFailure: (RedisException) -> Unit, block: () -> Unit) {
        try {
            block()
        } catch (e: RedisException) {
            onFailure(e)
        }
    }

    private fun send(connection: Commands, publication: PendingPublication) {
        val message = ChannelMessage.withoutPosition(publication.envelope)
        connection.async().publish(keys.channel(publication.topic), message).whenComplete { _, failure ->
            outbox.done(publication, failure?.let { exceptionOf(connection, it) })
        }
    }

    private fun send(connection: Commands, batch: TopicBatch) {
        val topic = batch.outbox.topic
        val bounds = batch.bounds
        val payloads = batch.publications
        val args =
            Array(FIXED_ARGS + payloads.size) { index ->
                when (index) {
                    0 -> arg(randomName())
                    1 -> arg(batch.outbox.publisher)
                    2 -> arg(batch.first)
                    3 -> arg(bounds.size.toLong())
                    4 -> arg(bounds.ageMillis)
                    5 -> arg(bounds.bytes.toLong())
                    6 -> arg(bounds.retentionMillis)
                    7 -> keys.channel(topic)
                    8 -> arg(batch.confirmed?.epoch.orEmpty())
                    9 -> arg(batch.confirmed?.offset ?: 0)
                    else -> payloads[index - FIXED_ARGS].envelope
                }
            }
        RedisScript.Publish.call(connection, keys.keys(topic), args).whenComplete { reply, failure ->
            if (failure == null) confirm(batch, reply) else fail(connection, batch, failure)
        }
    }

    private fun confirm(batch: TopicBatch, reply: List<Any?>) {
        outbox.confirmed(batch, Position(reply[0].text(), reply[1].long()))
        val error = reply[2].text()
        if (error.isEmpty()) return
        val sentence = describeFailure(settings.address, RedisCommandExecutionException(error))
        notPublished.warn { "Publications were stored, but not sent to the nodes ($it calls so far). $sentence" }
    }

    /** A batch whose connection is lost stays in the outbox; the next connection sends it again. */
    private fun fail(connection: Commands, batch: TopicBatch, failure: Throwable) {
        if (isReply(failure)) outbox.rejected(batch, exceptionOf(connection, failure))
    }

    private fun exceptionOf(connection: Commands, failure: Throwable): RedisBrokerException {
        val cause = if (failure is CompletionException) failure.cause ?: failure else failure
        val sentence = describeFailure(settings.address, cause)
        if (!isReply(cause)) {
            return RedisBrokerException.Unknown("the connection was lost; the message may be delivered", cause)
        }
        // the master has become a replica: its address may lead to another server now
        if (isReadOnly(cause)) link.replace(connection, cause)
        rejected.warn { "Redis has rejected publications ($it calls so far). $sentence" }
        return RedisBrokerException.Unavailable(sentence, cause)
    }

    private companion object {
        /** Commands in one write. */
        const val MAX_FLUSH = 500

        /** Arguments of the script before the payloads. */
        const val FIXED_ARGS = 10
    }
}
