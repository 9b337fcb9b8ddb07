package dev.live.samples.cluster

import dev.live.client.LiveClient
import dev.live.client.topic.ConnectionLostException
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.jsonPrimitive
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/** Only a hang reaches it. */
internal val HANG_TIMEOUT: Duration = 3.minutes

/** A client of the topic of notes, connected through the load balancer. */
internal class Listener private constructor(private val client: LiveClient) {
    private val topic = client.topic<Note>("notes")
    private val updates = Channel<TopicUpdate<Note>>(Channel.UNLIMITED)
    private lateinit var job: Job

    /** The node of the current connection. */
    var node = ""
        private set

    /** The node that received the last note of [textsUntil] from its author. */
    var lastSentOn: String? = null
        private set
    val recoveries = mutableListOf<Recovery>()

    /** Publishes [text]. Returns false if the connection was lost before the confirmation: it may have arrived. */
    suspend fun publish(text: String): Boolean =
        try {
            topic.publish(Note(text), timeout = HANG_TIMEOUT)
            true
        } catch (_: ConnectionLostException) {
            false
        }

    /** The texts of the next notes, up to [last]. */
    suspend fun textsUntil(last: String): List<String> {
        val texts = mutableListOf<String>()
        withTimeout(HANG_TIMEOUT) {
            while (texts.lastOrNull() != last) next()?.let { texts += it }
        }
        return texts
    }

    suspend fun close() {
        job.cancel()
        client.close()
    }

    /** Handles one update. Returns the text of a note, or null. */
    private suspend fun next(): String? =
        when (val update = updates.receive()) {
            is TopicUpdate.Subscribed -> {
                recoveries += update.recovery
                node = update.welcome!!.jsonPrimitive.content
                null
            }

            is TopicUpdate.Received -> {
                lastSentOn = update.value.sentOn
                update.value.text
            }
        }

    companion object {
        /** Connects and subscribes. */
        suspend operator fun invoke(scope: CoroutineScope, cluster: Cluster, name: String): Listener {
            val listener = Listener(LiveClient("ws://127.0.0.1:${cluster.balancer.port}/notes?name=$name"))
            listener.job = scope.launch { listener.topic.updates.collect { listener.updates.send(it) } }
            withTimeout(HANG_TIMEOUT) { while (listener.recoveries.isEmpty()) listener.next() }
            return listener
        }
    }
}
