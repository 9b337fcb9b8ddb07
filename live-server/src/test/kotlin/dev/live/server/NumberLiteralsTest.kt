package dev.live.server

import dev.live.server.support.Engine
import dev.live.server.support.EventClient
import dev.live.server.support.PlainClient
import dev.live.server.support.encoded
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject

/** JSON numbers keep their text on every path through the server, and no number causes an `internal` error. */
class NumberLiteralsTest : FunSpec({

    val numbers =
        listOf("123456789012345678901234567890", "0.1000", "-0", "1e400", "-1E+400", "9007199254740993", "[1.0]")

    test("a typed topic broadcasts numbers as they were written") {
        withServer(module = { echoes() }) {
            val client = PlainClient.connect(url())
            for (topic in listOf("tree", "patch", "raw")) client.ask("""{"type":"subscribe","topic":"$topic/1"}""")

            for (number in numbers) {
                for ((topic, data) in listOf(
                    "tree" to number,
                    "tree" to """{"a":[$number]}""",
                    "patch" to """{"op":"add","value":$number}""",
                    "raw" to number,
                )) {
                    client.ask("""{"type":"publish","topic":"$topic/1","data":$data}""") shouldBe
                        """{"type":"message","topic":"$topic/1","data":$data}"""
                }
            }
        }
    }

    test("a reply carries the number of its request unchanged") {
        withServer(module = { echoes() }) {
            val client = PlainClient.connect(url())

            for (number in numbers) {
                client.ask("""{"type":"echo","ref":"1","data":{"n":$number}}""") shouldBe
                    """{"type":"reply","ref":"1","data":{"n":$number}}"""
            }
        }
    }

    test("subscribe params are returned unchanged in the welcome, with and without history") {
        withServer(module = { echoes() }) {
            val client = PlainClient.connect(url())

            for (number in numbers) {
                client.ask("""{"type":"subscribe","topic":"tree/1","data":{"params":$number}}""") shouldBe
                    """{"type":"ack","topic":"tree/1","data":{"welcome":$number}}"""
                client.ask("""{"type":"subscribe","topic":"kept/1","data":{"params":[$number]}}""") shouldContain
                    """"recovered":false,"welcome":[$number]}}"""
            }
        }
    }

    test("presence state carries numbers unchanged") {
        withServer(module = { echoes() }) {
            for (number in numbers) {
                val client = PlainClient.connect(url())
                client.ask("""{"type":"subscribe","topic":"here/$number","data":{"params":$number}}""")
                client.next() shouldContain """"state":{"me":[$number]}"""
                client.close()
            }
        }
    }

    for (engine in Engine.usual) {
        test("on $engine the params of an event stream may contain any JSON number") {
            withServer(engine, { echoes() }) {
                for (number in numbers) {
                    val client = EventClient.open(this, "/live/sse?topic=tree/1&params=${encoded("""{"n":$number}""")}")
                    client.next().data shouldBe
                        """{"type":"ack","topic":"tree/1","ref":"~sse","data":{"welcome":{"n":$number}}}"""
                    client.close()
                }
            }
        }
    }

    test("a number that the topic's type cannot hold is rejected as bad_payload") {
        withServer(module = { echoes() }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"subscribe","topic":"double/1"}""")

            for (number in listOf("1e400", "-1e400")) {
                client.ask("""{"type":"publish","topic":"double/1","data":$number}""") shouldContain
                    """"code":"bad_payload""""
            }
        }
    }

    test("data nested up to the server's limit is broadcast") {
        withServer(module = { echoes(nesting = 200) }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"subscribe","topic":"tree/1"}""")
            val deep = "[".repeat(199) + "]".repeat(199)

            client.ask("""{"type":"publish","topic":"tree/1","data":$deep}""") shouldBe
                """{"type":"message","topic":"tree/1","data":$deep}"""
        }
    }
})

@Serializable
private class Patch(val op: String, val value: JsonElement)

private fun Application.echoes(nesting: Int = 64) {
    install(Live) { limits { maxNesting = nesting } }
    routing {
        live<Unit>("/live") {
            topic<JsonElement>("tree/{id}") {
                welcome { params }
                onPublish { broadcast(it) }
            }
            topic<JsonElement>("kept/{id}") {
                history(size = 10)
                welcome { params }
            }
            topic<Patch>("patch/{id}") { onPublish { broadcast(it) } }
            topic<Double>("double/{id}") { onPublish { broadcast(it) } }
            rawTopic("raw/{id}")
            topic<JsonElement>("here/{id}") {
                presence {
                    info(params)
                    "me"
                }
            }
            request<JsonObject, JsonObject>("echo") { it }
            serverSentEvents()
        }
    }
}
