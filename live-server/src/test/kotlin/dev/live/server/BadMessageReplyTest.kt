package dev.live.server

import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.ErrorData
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldStartWith
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing

/** Tests over a real socket that an error reply identifies the rejected message. */
class BadMessageReplyTest : FunSpec({

    for (engine in Engine.usual) {
        for ((codec, cases) in rejected) {
            test("on $engine, ${codec.subprotocol}: an error reply carries the readable topic and ref") {
                withServer(engine, { chat() }) {
                    val client = PlainClient.connect(url(), codec.subprotocol)

                    for ((input, expected) in cases) {
                        client.send(codec, input)
                        val error = codec.decode(client.nextBytes())

                        error.type shouldBe MessageType.ERROR
                        "${error.topic} ${error.ref} ${error.decode<ErrorData>().code}" shouldBe expected
                    }
                    client.send(codec, codec.encode(Message("ping", ref = "p")))
                    codec.decode(client.nextBytes()) shouldBe Message("pong", ref = "p")
                }
            }
        }

        test("on $engine the tenth bad message within a minute ends the session and still receives an error reply") {
            withServer(engine, { chat() }) {
                val client = PlainClient.connect(url())

                repeat(10) {
                    client.ask("""{"type":1,"ref":"$it"}""") shouldStartWith """{"type":"error","ref":"$it""""
                }

                client.closed() shouldBe (4400 to "10 bad messages within a minute")
            }
        }
    }

    test("a message in the wrong kind of frame is rejected with its ref") {
        withServer(module = { chat() }) {
            val client = PlainClient.connect(url())
            client.send("""{"type":"ping","topic":"room/1","ref":"7"}""".encodeToByteArray())
            client.next() shouldBe """{"type":"error","topic":"room/1","ref":"7","data":{"code":"bad_message",""" +
                """"reason":"live.v1.json requires text frames, was a binary frame"}}"""
            client.send("nothing".encodeToByteArray())
            client.next() shouldStartWith """{"type":"error","data":{"code":"bad_message""""
        }
    }

    test("a ref in the server's namespace is not echoed: the client would take the reply for a request") {
        withServer(module = { chat() }) {
            PlainClient.connect(url()).ask("""{"type":"reply","ref":"${'$'}1","body":1}""") shouldStartWith
                """{"type":"error","data":{"code":"bad_message""""
        }
    }

    test("a bad message before authentication is rejected with its ref") {
        withServer(module = {
            install(Live)
            routing { live<String>("/live") { authenticateByMessage { it } } }
        }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"auth","ref":"7","data":{"token":"a"},"offset":-1}""") shouldStartWith
                """{"type":"error","ref":"7","data":{"code":"bad_message""""
            client.ask("""{"type":"auth","ref":"8","data":{"token":"a"}}""") shouldBe """{"type":"ack","ref":"8"}"""
        }
    }

    test("null fields count as absent in subscribe and publish messages") {
        withServer(module = { chat() }) {
            val client = PlainClient.connect(url())
            // written by Jackson 2.20, Gson with serializeNulls, Go without omitempty and Python None
            for (rest in listOf(
                """"body":null,"data":null,"offset":null""",
                """"data":{"since":{"epoch":null,"offset":null}}""",
                """"data":{"since":null,"params":null}""",
            )) {
                client.ask("""{"type":"subscribe","topic":"room/1","ref":"1",$rest}""") shouldBe
                    """{"type":"ack","topic":"room/1","ref":"1"}"""
            }
            client.ask("""{"type":"publish","topic":"room/1","ref":null,"body":"AQID","data":null}""") shouldBe
                """{"type":"message","topic":"room/1","body":"AQID"}"""
            client.ask("""{"type":"publish","topic":"room/1","data":null,"body":null}""") shouldBe
                """{"type":"message","topic":"room/1","data":null}"""
        }
    }
})

private val rejected: List<Pair<Codec, List<Pair<ByteArray, String>>>> =
    listOf(
        JsonCodec to
            listOf(
                """{"type":"publish","topic":"room/1","ref":"7","data":1,"offset":-1}""" to "room/1 7 bad_message",
                """{"offset":[],"topic":"room/1","ref":"8","type":"publish"}""" to "room/1 8 bad_message",
                """{"type":"publish","topic":7,"ref":"9"}""" to " 9 bad_message",
                """{"type":"publish","ref":"10","data":${"[".repeat(65) + "]".repeat(65)}}""" to " 10 bad_message",
                """{"type":"publish","ref":"11","topic":"${"t".repeat(257)}"}""" to " 11 bad_message",
                """{"type":"publish","ref":"12","data":hello}""" to "  bad_message",
            ).map { (text, expected) -> text.encodeToByteArray() to expected },
        CborCodec to
            listOf(
                "a4647479706561" + "78666f6666736574f4637265666137" + "65746f706963617" + "4" to "t 7 bad_message",
                "a264626f647980637265666138" to " 8 bad_message",
                "a2637265666139" to "  bad_message",
            ).map { (hex, expected) -> hex.hexToByteArray() to expected },
        MessagePackCodec to
            listOf(
                "84a474797065a178a66f6666736574c2a3726566a137a5746f706963a174" to "t 7 bad_message",
                "82a4626f647990a3726566a138" to " 8 bad_message",
                "82a3726566a139" to "  bad_message",
            ).map { (hex, expected) -> hex.hexToByteArray() to expected },
    )

private suspend fun PlainClient.send(codec: Codec, bytes: ByteArray) {
    if (codec.isBinary) send(bytes) else send(bytes.decodeToString())
}

private fun Application.chat() {
    install(Live)
    routing { live<Unit>("/live") { rawTopic("room/{room}") } }
}
