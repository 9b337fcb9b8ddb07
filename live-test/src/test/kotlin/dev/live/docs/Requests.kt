package dev.live.docs

import dev.live.client.LiveClient
import dev.live.client.topic.ConnectionLostException
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.session.RequestFailedException
import dev.live.server.session.Session
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable
import org.slf4j.Logger
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

// The code of docs/requests.md, and the types that it assumes.

@Serializable
internal data class Order(val number: Int, val amount: Int)

@Serializable
internal data class Receipt(val text: String)

@Serializable
internal data class Question(val text: String)

internal interface Shop {
    suspend fun pay(user: String, order: Order): Receipt
}

internal fun interface Screen {
    suspend fun ask(text: String): Boolean
}

internal fun Application.shop(shop: Shop) {
    install(Live)
    routing {
        live<String>("/live") {
            authenticate { call -> call.request.queryParameters["name"] }
            user { it }
            request<Order, Receipt>("pay", idempotent = 5.minutes) { order ->
                if (order.amount <= 0) reject("the amount must be positive") // LiveException(bad_payload) at the client
                shop.pay(meta, order)
            }
            request<String, Int>("count") { it.length }
        }
    }
}

internal suspend fun count(live: LiveClient): Int {
    val people: Int = live.request("count", "lobby") // within the client's requestTimeout, 10 s
    return people
}

internal fun confirm(live: LiveClient, screen: Screen): AutoCloseable {
    val registration = live.onRequest<Question, Boolean>("confirm") { question ->
        if (question.text.isEmpty()) reject("the question is empty")
        screen.ask(question.text)
    }
    return registration
}

internal class Deleting(private val log: Logger) {
    suspend fun confirmed(session: Session<*>): Boolean =
        try {
            session.request("confirm", Question("Delete everything?"), timeout = 30.seconds)
        } catch (e: RequestFailedException) {
            log.info("{} did not confirm: {}", session.id, e.code)
            false
        }
}

internal object Paying {
    suspend fun pay(live: LiveClient, order: Order): Receipt {
        while (true) {
            try {
                return live.request("pay", order, key = "order-${order.number}")
            } catch (_: ConnectionLostException) {
                // retries after the reconnect; the server returns the reply of the first request
            }
        }
    }
}
