package dev.live.docs.topics

import dev.live.client.LiveClient
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.topic.publish
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import io.ktor.util.AttributeKey
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable

// The code of docs/subscriptions.md, and the types that it assumes.

@Serializable
internal data class Bid(val amount: Int)

internal interface Auctions {
    /** Seconds until the end of the auction of [item]. */
    fun countdown(item: String): Flow<Int>

    suspend fun bids(item: String, newest: Int): List<Bid>
}

private val Bids = AttributeKey<Int>("bids")

internal fun Application.auctions(auctions: Auctions, report: (String) -> Unit) {
    install(Live)
    val live = live
    routing {
        live<String>("/live") {
            authenticate { call -> call.request.queryParameters["name"] }
            topic<Bid>("auction/{item}") {
                onSubscribe {
                    attributes.put(Bids, 0)
                    launch {
                        // ends with the subscription
                        auctions.countdown(parameters["item"]).collect { seconds -> push("countdown", seconds) }
                        leave("the auction is closed")
                    }
                }
                on<Bid>("bid") { bid ->
                    // the client receives an ack
                    if (bid.amount <= 0) reject("the amount must be positive")
                    attributes.put(Bids, attributes[Bids] + 1)
                    live.topic(topic).publish(bid)
                }
                on<Int, List<Bid>>("newest") { count ->
                    // the client receives the list
                    auctions.bids(parameters["item"], count)
                }
                onUnsubscribe { report("$meta: ${attributes.getOrNull(Bids)} bids") }
            }
        }
    }
}

internal object Bidding {
    suspend fun bid(live: LiveClient): List<Bid> {
        live.requestMessage("bid", topic = "auction/vase", body = Body.of(Bid(120))) // returns after the ack
        live.send(Message("bid", "auction/vase", body = Body.of(Bid(130)))) // without a response
        return live.requestMessage("newest", topic = "auction/vase", body = Body.of(10)).decode()
    }

    suspend fun countdown(live: LiveClient, show: (Int) -> Unit) {
        live.rawTopic("auction/vase").messages.collect { message ->
            if (message.type == "countdown") show(message.decode())
        }
    }
}
