package dev.live.server

import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable

class SubscribeAndPublishTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("a plain client receives an ack and its own publication") {
                withServer(engine, { room() }) {
                    val ann = PlainClient.connect(url(), "live.v1.json")
                    ann.subprotocol shouldBe "live.v1.json"

                    ann.ask("""{"type":"subscribe","topic":"room/1","ref":"a"}""") shouldBe
                        """{"type":"ack","topic":"room/1","ref":"a"}"""
                    ann.send("""{"type":"publish","topic":"room/1","ref":"b","data":{"text":"hi"}}""")

                    setOf(ann.next(), ann.next()) shouldBe
                        setOf(
                            """{"type":"message","topic":"room/1","data":{"text":"hi"}}""",
                            """{"type":"ack","topic":"room/1","ref":"b"}""",
                        )
                    ann.close()
                    ann.closed().first shouldBe 1000
                }
            }
        }
    }
})

@Serializable
internal class Line(val text: String)

internal fun io.ktor.server.application.Application.room() {
    install(Live)
    routing { live<Unit>("/live") { topic<Line>("room/{room}") } }
}
