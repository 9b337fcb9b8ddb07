package dev.live.server

import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlin.time.Duration
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.milliseconds

/** Tests that a session is closed if the server cannot deliver the content of an ack. */
class DeliveryFailureTest : FunSpec({

    test("a session is closed with a reason if its recovery cannot be delivered in time") {
        withTopics({
            intercept { message, next -> next(message) }
            topic<String>("t") { history(size = 5_000, bytes = 64 * 1024 * 1024) }
        }, queueBytes = 16 * 1024) {
            val topic = application.live.topic("t")
            repeat(3_000) { topic.publish("x".repeat(4_000)) }

            RawSocket.upgrade(port, receiveBuffer = 4_096).use { slow ->
                slow.text(subscribe("t", "\"since\":{\"epoch\":\"${topic.history().position.epoch}\",\"offset\":0}"))
                slow.readFrame().second.decodeToString() shouldContain "\"recovered\":true"
                eventually(HANG_TIMEOUT) { application.live.sessions.any { it.isOpen } shouldBe false }

                var last: Pair<Int, ByteArray>
                do last = slow.readFrame() while (last.first != CLOSE)
                last.second.drop(2).toByteArray().decodeToString() shouldBe
                    "recovery timed out"
            }
        }
    }

    test("a session that the server subscribed receives position and presence when it subscribes itself") {
        withTopics({
            onOpen { session.subscribe("t") }
            topic<String>("t") {
                history(size = 10)
                presence(grace = Duration.ZERO, interval = 1.milliseconds) { "ann" }
            }
        }) {
            val ann = PlainClient.connect(url())
            ann.next() shouldContain """{"type":"subscribe","topic":"t","data":{"epoch":""""
            ann.next() shouldContain """"state":{"ann":[null]}"""

            ann.ask(subscribe("t")) shouldContain """"recovered":false"""
            ann.next() shouldContain """"state":{"ann":[null]}"""
            ann.close()
        }
    }

    test("presence that exceeds the maximum message size is sent as a count") {
        withTopics({
            topic<String>("t") {
                presence(grace = Duration.ZERO, interval = 1.milliseconds) {
                    info("x".repeat(1_000))
                    session.id
                }
            }
        }) {
            val members = List(140) {
                PlainClient.connect(url()).also { one -> one.ask(subscribe("t")) shouldContain "ack" }
            }
            val last = PlainClient.connect(url())
            last.ask(subscribe("t")) shouldContain "ack"

            last.next() shouldContain """"count":141"""
            for (one in members + last) one.close()
        }
    }

    test("invalid intervals are rejected by name") {
        fun rejection(declare: LiveEndpoint<Unit>.() -> Unit) =
            shouldThrow<IllegalArgumentException> { LiveEndpoint<Unit>("/live").declare() }.message

        rejection { topic<Int>("t") { throttle(Duration.INFINITE) } } shouldBe
            "throttle interval must be finite and at least 1 ms, was Infinity"
        rejection { topic<Int>("t") { throttle(10.microseconds) } } shouldBe
            "throttle interval must be finite and at least 1 ms, was 10us"
        rejection { topic<Int>("t") { presence(interval = Duration.INFINITE) { "a" } } } shouldBe
            "presence interval must be finite and at least 1 ms, was Infinity"
        rejection { topic<Int>("t") { presence(grace = Duration.INFINITE) { "a" } } } shouldBe
            "presence grace must be finite and not negative, was Infinity"
    }
})

private const val CLOSE = 8

private fun subscribe(topic: String, data: String = "") =
    """{"type":"subscribe","topic":"$topic","ref":"a","data":{$data}}"""

private suspend fun withTopics(
    declare: LiveEndpoint<Unit>.() -> Unit,
    queueBytes: Int = 1024 * 1024,
    test: suspend TestServer.() -> Unit,
) = withServer(module = {
    install(Live) {
        session {
            handlerTimeout = 500.milliseconds
            this.queueBytes = queueBytes
        }
    }
    routing { live<Unit>("/live") { declare() } }
}, test = test)
