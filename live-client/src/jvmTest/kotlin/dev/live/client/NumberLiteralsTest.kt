package dev.live.client

import app.cash.turbine.test
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import dev.live.server.Live
import dev.live.server.live
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.server.application.install
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration.Companion.minutes

/** JSON numbers keep their original text from client to client, with every codec. */
class NumberLiteralsTest : FunSpec({

    for (codec in listOf(JsonCodec, CborCodec, MessagePackCodec)) {
        test("publishes, requests, parameters and welcomes keep the text of numbers over ${codec.subprotocol}") {
            val server = embeddedServer(Netty, port = 0, host = "127.0.0.1") {
                install(Live)
                routing {
                    live<Unit>("/live") {
                        topic<JsonElement>("tree/{id}") {
                            welcome { params }
                            onPublish { broadcast(it) }
                        }
                        request<JsonElement, JsonElement>("echo") { it }
                    }
                }
            }.start()
            val port = server.engine.resolvedConnectors().single().port
            val client = LiveClient("ws://127.0.0.1:$port/live") { codecs(codec) }
            try {
                for (number in listOf("123456789012345678901234567890", "0.1000", "-0", "1e400", "[-1E+400]")) {
                    val tree = Json.parseToJsonElement("""{"n":$number}""")
                    val topic = client.topic<JsonElement>("tree/$number").withParams(tree)
                    topic.updates.test(timeout = 1.minutes) {
                        awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().welcome.toString() shouldBe "$tree"
                        topic.publish(tree)
                        awaitItem().shouldBeInstanceOf<TopicUpdate.Received<JsonElement>>().value.toString() shouldBe
                            "$tree"
                    }
                    client.request<JsonElement, JsonElement>("echo", tree).toString() shouldBe "$tree"
                }
            } finally {
                client.close()
                server.stop(0, 0)
            }
        }
    }
})
