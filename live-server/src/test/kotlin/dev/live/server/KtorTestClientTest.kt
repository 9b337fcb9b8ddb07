package dev.live.server

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.client.plugins.websocket.WebSockets
import io.ktor.client.plugins.websocket.webSocket
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import io.ktor.server.testing.testApplication
import io.ktor.websocket.Frame
import io.ktor.websocket.readText
import io.ktor.websocket.send

class KtorTestClientTest : FunSpec({

    test("Ktor's test client can use an endpoint, although it does not mask its frames") {
        testApplication {
            application {
                install(Live)
                routing { live<Unit>("/live") { topic<Int>("t") } }
            }

            createClient { install(WebSockets) }.webSocket("/live") {
                send("""{"type":"subscribe","topic":"t","ref":"1"}""")

                (incoming.receive() as Frame.Text).readText() shouldBe """{"type":"ack","topic":"t","ref":"1"}"""
            }
        }
    }
})
