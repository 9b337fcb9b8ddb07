package dev.live.server

import dev.live.protocol.Position
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldMatch
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing

/** Recovery from topic history, as seen on the wire. */
class RecoveryTest : FunSpec({

    for (engine in Engine.usual) {
        test("a resubscribing client receives the missed messages with their offsets after the ack, on $engine") {
            withServer(engine, { historyTopic() }) {
                val ann = PlainClient.connect(url(), "live.v1.json")
                val ack = ann.ask("""{"type":"subscribe","topic":"room/1","ref":"a"}""")
                ack shouldMatch
                    """\{"type":"ack","topic":"room/1","ref":"a","data":\{"epoch":"\w+","offset":0,"recovered":false}}"""
                publish(1..2)
                ann.next() shouldBe """{"type":"message","topic":"room/1","data":1,"offset":1}"""
                ann.close()
                publish(3..5)

                val again = PlainClient.connect(url(), "live.v1.json")
                again.ask(subscribe(epochIn(ack), offset = 2)) shouldContain """"offset":5,"recovered":true"""

                List(3) { again.next() } shouldContainExactly
                    (3..5).map { """{"type":"message","topic":"room/1","data":$it,"offset":$it}""" }
                publish(6..6)
                again.next() shouldContain """"offset":6"""
                again.close()
            }
        }
    }

    test("recovery delivers the whole history beyond the queue capacity, and concurrent publications") {
        withServer(Engine.Netty, { historyTopic(size = 5_000, queueCapacity = 4) }) {
            publish(1..3_000)
            val epoch = live.topic("room/1").history().position.epoch
            val ann = PlainClient.connect(url(), "live.v1.json")

            ann.ask(subscribe(epoch, offset = 0)) shouldContain """"offset":3000,"recovered":true"""
            publish(3_001..3_010)

            for (number in 1..3_010) ann.next() shouldContain """"offset":$number}"""
            ann.close()
        }
    }

    test("an evicted offset or another epoch is reported as not recovered") {
        withServer(Engine.Netty, { historyTopic(size = 3) }) {
            publish(1..5)
            val epoch = live.topic("room/1").history().position.epoch

            for ((since, offset) in listOf(epoch to 1L, "other" to 4L, "other" to 99L)) {
                val newest = live.topic("room/1").history().position.offset
                val ann = PlainClient.connect(url(), "live.v1.json")
                ann.ask(subscribe(since, offset)) shouldContain
                    """"epoch":"$epoch","offset":$newest,"recovered":false"""
                publish(6..6)
                ann.next() shouldContain """"data":6"""
                ann.close()
            }
        }
    }

    test("an invalid position is an error, and the session continues") {
        withServer(Engine.Netty, { historyTopic() }) {
            publish(1..2)
            val epoch = live.topic("room/1").history().position.epoch
            val ann = PlainClient.connect(url(), "live.v1.json")

            ann.ask(subscribe(epoch, offset = 3)) shouldContain
                """"code":"bad_payload","reason":"offset must be at most 2, the topic's newest, was 3""""
            ann.ask(subscribe(epoch, offset = -1)) shouldContain
                """"code":"bad_payload","reason":"offset must not be negative, was -1""""
            ann.ask(
                """{"type":"subscribe","topic":"room/1","ref":"a","data":{"since":{"epoch":"","offset":1}}}""",
            ) shouldContain
                """"reason":"epoch must be 1 to 64 bytes""""
            ann.ask("""{"type":"subscribe","topic":"room/1","ref":"a","data":{"since":7}}""") shouldContain
                "bad_payload"

            ann.ask(subscribe(epoch, offset = 1)) shouldContain """"recovered":true"""
            ann.next() shouldContain """"data":2"""
            ann.close()
        }
    }

    test("a topic without history ignores a position") {
        withServer(Engine.Netty, { room() }) {
            val ann = PlainClient.connect(url(), "live.v1.json")

            ann.ask(subscribe("x", offset = 3)) shouldBe """{"type":"ack","topic":"room/1","ref":"a"}"""
            ann.close()
        }
    }

    test("the application reads the whole history or the part after a position") {
        withServer(Engine.Netty, { historyTopic(size = 3) }) {
            publish(1..5)
            val topic = live.topic("room/1")

            val all = topic.history()
            all.messages.map { it.offset } shouldContainExactly listOf(3, 4, 5)
            all.isComplete shouldBe true
            topic.history(Position(all.position.epoch, 4)).messages.map { it.offset } shouldContainExactly listOf(5)
            topic.history(Position(all.position.epoch, 1)).isComplete shouldBe false
            shouldThrow<IllegalStateException> { live.topic("elsewhere").history() }.message shouldBe
                "topic 'elsewhere' has no history. Declare one: topic(...) { history(size = 100) }."
        }
    }
})

private val TestServer.live get() = application.live

private fun subscribe(epoch: String, offset: Long) =
    """{"type":"subscribe","topic":"room/1","ref":"a","data":{"since":{"epoch":"$epoch","offset":$offset}}}"""

private fun epochIn(ack: String) = ack.substringAfter(""""epoch":"""").substringBefore('"')

private suspend fun TestServer.publish(numbers: IntRange) {
    for (number in numbers) live.topic("room/1").publish(number)
}

private fun Application.historyTopic(size: Int = 100, queueCapacity: Int = 256) {
    install(Live) { session { this.queueCapacity = queueCapacity } }
    routing { live<Unit>("/live") { topic<Int>("room/{room}") { history(size) } } }
}
