package dev.live.redis

import dev.live.protocol.Position
import io.lettuce.core.RedisCommandExecutionException
import io.lettuce.core.RedisException
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.launch
import java.util.concurrent.CompletionException
import kotlin.time.Duration.Companion.milliseconds

/**
 * Sends the publications of the [outbox] to Redis. Everything that waits goes out in one write for each server: a write
 * for each command costs four times the CPU.
 */
internal class Sender(
    private val outbox: Outbox,
    private val servers: Servers,
    private val keys: RedisKeys,
    private val settings: RedisSettings,
    private val localDeliveries: LocalDeliveries,
) {
    private val script = RedisScript.publish(keys.isSharded)
    private val rejected = RateLimitedLog()
    private val notPublished = RateLimitedLog()

    /** Puts publications that another server must execute into the outbox again. Guarded by itself. */
    private val redirected = ArrayList<() -> Unit>()
    private val wakeRedirected = Channel<Unit>(Channel.CONFLATED)

    /** Sends until it is cancelled. */
    suspend fun run(): Unit = coroutineScope {
        launch { sendRedirected() }
        servers.changes.collectLatest {
            outbox.connected { it.connection !== servers.commands(it.outbox.topic) }
            while (true) {
                outbox.wake.receive()
                // first: later publications must be in the new epochs
                localDeliveries.report(onRedirect = { later { outbox.wake.trySend(Unit) } })
                send()
            }
        }
    }

    private suspend fun send() {
        while (true) {
            currentCoroutineContext().ensureActive()
            val plain = outbox.takePlain(MAX_FLUSH, ::canSend)
            val batches = outbox.takeBatches(MAX_FLUSH - plain.size, ::canSend)
            if (plain.isEmpty() && batches.isEmpty()) return
            val used = LinkedHashSet<Commands>()
            for (publication in plain) send(publication)?.let { used += it }
            for (batch in batches) send(batch)?.let { used += it }
            for (connection in used) orFail({}) { connection.flushCommands() }
        }
    }

    /** On a lost connection everything would fail: it waits in the outbox for the next one. */
    private fun canSend(topic: String): Boolean = servers.commands(topic)?.isOpen == true

    /** Lettuce may throw if the connection is closed at this moment. */
    private inline fun orFail(onFailure: (RedisException) -> Unit, block: () -> Unit) {
        try {
            block()
        } catch (e: RedisException) {
            onFailure(e)
        }
    }

    /** Returns the connection to flush; null if it was lost at this moment. */
    private fun send(publication: PendingPublication): Commands? {
        val connection = servers.commands(publication.topic)
        if (connection == null) {
            later { outbox.again(publication) }
            return null
        }
        val channel = keys.channel(publication.topic)
        val message = ChannelMessage.withoutPosition(publication.envelope)
        orFail({ done(connection, publication, it) }) {
            val commands = connection.async()
            val call = if (keys.isSharded) commands.spublish(channel, message) else commands.publish(channel, message)
            call.whenComplete { _, failure -> done(connection, publication, failure) }
        }
        return connection
    }

    private fun done(connection: Commands, publication: PendingPublication, failure: Throwable?) {
        // ASK never concerns a channel: it is no key
        val redirect = failure?.let { servers.redirect(publication.topic, it) }
        if (redirect != null) return later { outbox.again(publication) }
        outbox.done(publication, failure?.let { exceptionOf(connection, publication.topic, it) })
    }

    private fun send(batch: TopicBatch): Commands? {
        val connection = servers.commands(batch.outbox.topic)
        if (connection == null) later { outbox.again(batch) } else send(connection, batch, isAsking = false)
        return connection
    }

    private fun send(connection: Commands, batch: TopicBatch, isAsking: Boolean) {
        val topic = batch.outbox.topic
        batch.connection = connection
        orFail({ fail(connection, batch, it) }) {
            script.call(connection, keys.keys(topic), args(batch), isAsking).whenComplete { reply, failure ->
                if (failure == null) confirm(batch, reply) else fail(connection, batch, failure)
            }
        }
    }

    private fun args(batch: TopicBatch): Array<ByteArray> {
        val bounds = batch.bounds
        val payloads = batch.publications
        return Array(FIXED_ARGS + payloads.size) { index ->
            when (index) {
                0 -> arg(randomName())
                1 -> arg(batch.outbox.publisher)
                2 -> arg(batch.first)
                3 -> arg(bounds.size.toLong())
                4 -> arg(bounds.ageMillis)
                5 -> arg(bounds.bytes.toLong())
                6 -> arg(bounds.retentionMillis)
                7 -> keys.channel(batch.outbox.topic)
                8 -> arg(batch.confirmed?.epoch.orEmpty())
                9 -> arg(batch.confirmed?.offset ?: 0)
                else -> payloads[index - FIXED_ARGS].envelope
            }
        }
    }

    private fun confirm(batch: TopicBatch, reply: List<Any?>) {
        outbox.confirmed(batch, Position(reply[0].text(), reply[1].long()))
        val error = reply[2].text()
        if (error.isEmpty()) return
        val sentence = describeFailure(addressOf(batch.outbox.topic), RedisCommandExecutionException(error))
        notPublished.warn { "Publications were stored, but not sent to the nodes ($it calls so far). $sentence" }
    }

    /** A batch whose connection is lost stays in the outbox; the next connection sends it again. */
    private fun fail(connection: Commands, batch: TopicBatch, failure: Throwable) {
        val topic = batch.outbox.topic
        when (val redirect = servers.redirect(topic, failure)) {
            null -> if (isReply(failure)) outbox.rejected(batch, exceptionOf(connection, topic, failure))
            is Redirect.Ask -> {
                send(redirect.connection, batch, isAsking = true)
                orFail({}) { redirect.connection.flushCommands() }
            }
            Redirect.Again -> later { outbox.again(batch) }
        }
    }

    private fun later(again: () -> Unit) {
        synchronized(redirected) { redirected += again }
        wakeRedirected.trySend(Unit)
    }

    private suspend fun sendRedirected() {
        for (wake in wakeRedirected) {
            delay(REDIRECT_DELAY)
            val due = synchronized(redirected) { redirected.toList().also { redirected.clear() } }
            for (again in due) again()
        }
    }

    private fun addressOf(topic: String): String = servers.ofTopic(topic)?.address ?: settings.address

    private fun exceptionOf(connection: Commands, topic: String, failure: Throwable): RedisBrokerException {
        val cause = if (failure is CompletionException) failure.cause ?: failure else failure
        val sentence = describeFailure(addressOf(topic), cause)
        if (!isReply(cause)) {
            return RedisBrokerException.Unknown("the connection was lost; the message may be delivered", cause)
        }
        // the master has become a replica: its address may lead to another server now
        if (isReadOnly(cause)) servers.ofTopic(topic)?.commands?.replace(connection, cause)
        rejected.warn { "Redis has rejected publications ($it calls so far). $sentence" }
        return RedisBrokerException.Unavailable(sentence, cause)
    }

    private companion object {
        /** Commands in one write. */
        const val MAX_FLUSH = 500

        /** Before a redirected publication is sent again: a slot that moves is not available for a while. */
        val REDIRECT_DELAY = 20.milliseconds

        /** Arguments of the script before the payloads. */
        const val FIXED_ARGS = 10
    }
}
