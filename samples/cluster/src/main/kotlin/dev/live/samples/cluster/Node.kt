package dev.live.samples.cluster

import dev.live.redis.RedisBroker
import dev.live.samples.chat.chat
import dev.live.samples.shared.guestName
import dev.live.samples.shared.serve
import dev.live.server.live
import dev.live.server.liveHealth
import io.ktor.server.application.Application
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonPrimitive
import kotlin.time.Duration.Companion.seconds

/** A message of the page. The server sets [from] and [sentOn], the node that received the message from its author. */
@Serializable
data class Note(val text: String, val from: String? = null, val sentOn: String? = null)

/** One node, in a process of its own. */
fun main() {
    val environment = System.getenv()
    val name = environment.getValue("NODE")
    serve("node $name") { node(name, environment.getValue("REDIS_URL"), environment.getValue("PAGE_ORIGIN")) }
}

/**
 * The chat sample on Redis, and a topic that shows which nodes a message crosses.
 *
 * @param name name of this node
 * @param page origin of the page, which other than the chat's own page is not served by the node
 */
fun Application.node(name: String, redis: String, page: String) {
    chat {
        broker(RedisBroker(redis) { namespace = "chat" })
        origins { allow(page) }
        drain {
            delay = 1.seconds // more than the load balancer needs to detect a failing health check
            reconnectWindow = 0.seconds..1.seconds
        }
    }
    routing {
        liveHealth("/health")
        live<String>("/notes") {
            authenticate { call -> call.guestName() }
            topic<Note>("notes") {
                history(size = 500)
                welcome { JsonPrimitive(name) } // the node of this subscriber
                onPublish { note ->
                    if (note.text.isBlank() || note.text.length > MAX_TEXT) reject("text must be 1 to $MAX_TEXT long")
                    broadcast(Note(note.text, meta, sentOn = name))
                }
            }
        }
    }
}

private const val MAX_TEXT = 500
