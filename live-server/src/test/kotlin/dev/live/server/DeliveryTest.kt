package dev.live.server

import dev.live.server.endpoint.TopicDeclaration
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.comparables.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** Tests topics with lossy delivery over a real socket. */
class DeliveryTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        test(
            "a client that stops reading keeps its session, then receives the newest message of each key, on $engine",
        ) {
            withPrices(engine, { conflate { it.symbol } }) {
                RawSocket.upgrade(port, receiveBuffer = 4_096).use { slow ->
                    slow.text("""{"type":"subscribe","topic":"prices","ref":"a"}""")
                    slow.readFrame().second.decodeToString() shouldContain "ack"
                    repeat(ROUNDS) { round ->
                        for (symbol in listOf(
                            "gold",
                            "oil",
                        )) {
                            application.live.topic("prices").publish(Price(symbol, round, PADDING))
                        }
                    }
                    application.live.sessions.size shouldBe 1

                    val last = HashMap<String, Int>()
                    while (last.size < 2 || last.values.any { it < ROUNDS - 1 }) {
                        val text = slow.readFrame().second.decodeToString()
                        val symbol = text.substringAfter(""""symbol":"""").substringBefore('"')
                        val number = text.substringAfter(""""number":""").substringBefore(',').toInt()
                        number shouldBeGreaterThan (last[symbol] ?: -1)
                        last[symbol] = number
                    }
                }
                application.live.topic("prices").drops.conflated shouldBeGreaterThan 0
            }
        }
    }

    test("a client that stops reading receives the newest messages when it resumes") {
        withPrices(settings = { dropOldest(limit = 10) }) {
            RawSocket.upgrade(port, receiveBuffer = 4_096).use { slow ->
                slow.text("""{"type":"subscribe","topic":"prices","ref":"a"}""")
                slow.readFrame()
                repeat(ROUNDS) { application.live.topic("prices").publish(Price("gold", it, PADDING)) }

                val numbers = generateSequence {
                    val text = slow.readFrame().second.decodeToString()
                    text.substringAfter(""""number":""").substringBefore(',').toInt()
                }.takeWhile { it < ROUNDS - 1 }.toList()

                numbers.takeLast(9) shouldContainExactly (ROUNDS - 10..<ROUNDS - 1).toList()
            }
            application.live.topic("prices").drops.dropped shouldBeGreaterThan 0
        }
    }

    test("an exception in the conflate key fails the publisher, and the session continues") {
        withPrices(settings = { conflate { check(it.symbol != "lead") { "no lead" }.let { _ -> it.symbol } } }) {
            val ann = PlainClient.connect(url(), "live.v1.json")
            ann.ask("""{"type":"subscribe","topic":"prices","ref":"a"}""") shouldContain "ack"

            val message = """{"type":"publish","topic":"prices","ref":"b","data":{"symbol":"lead","number":1}}"""
            ann.ask(message) shouldContain """"code":"internal""""
            shouldThrow<IllegalStateException> {
                application.live.topic("prices").publish(Price("lead", 1))
            }.message shouldBe "no lead"

            ann.send("""{"type":"publish","topic":"prices","ref":"c","data":{"symbol":"gold","number":1}}""")
            setOf(ann.next(), ann.next()).any { "gold" in it } shouldBe true
            ann.close()
        }
    }

    test("invalid topic settings fail when declared") {
        fun declaring(settings: TopicDeclaration<Unit, Price>.() -> Unit): suspend () -> Unit =
            { withPrices(settings = settings) { } }

        shouldThrow<IllegalStateException> {
            declaring {
                conflate()
                dropOldest()
            }()
        }.message shouldBe
            "topic 'prices' already has an overflow policy. Use either dropOldest or conflate."
        shouldThrow<IllegalArgumentException> { declaring { dropOldest(limit = 0) }() }.message shouldBe
            "dropOldest limit must be at least 1, was 0"
        shouldThrow<IllegalArgumentException> { declaring { throttle(Duration.ZERO) }() }.message shouldBe
            "throttle interval must be finite and at least 1 ms, was 0s"
        shouldThrow<IllegalArgumentException> { declaring { history(size = 0) }() }.message shouldBe
            "history size must be at least 1 message, was 0; leave history out to keep none"
        shouldThrow<IllegalArgumentException> {
            declaring { presence(interval = (-1).milliseconds) { "a" } }()
        }.message shouldBe
            "presence interval must be finite and at least 1 ms, was -1ms"
    }
})

private const val ROUNDS = 2_000
private val PADDING = "x".repeat(4_000)

@Serializable
private class Price(val symbol: String, val number: Int, val padding: String = "")

private suspend fun withPrices(
    engine: Engine = Engine.Netty,
    settings: TopicDeclaration<Unit, Price>.() -> Unit,
    test: suspend TestServer.() -> Unit,
) = withServer(
    engine,
    {
        install(Live)
        routing { live<Unit>("/live") { topic<Price>("prices") { settings() } } }
    },
    test = test,
)
