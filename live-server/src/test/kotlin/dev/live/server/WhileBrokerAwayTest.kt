package dev.live.server

import dev.live.protocol.Position
import dev.live.server.broker.Broker
import dev.live.server.broker.LocalBroker
import dev.live.server.broker.Publication
import dev.live.server.broker.WhileBrokerAway
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import java.util.concurrent.ConcurrentLinkedQueue

class WhileBrokerAwayTest : FunSpec({

    test("publications have the setting of their topic, whether it is in use or not") {
        val broker = RecordingBroker()
        withServer(module = {
            install(Live) { broker(broker) }
            routing {
                live<Unit>("/live") {
                    topic<Int>("waiting/{id}") { whileBrokerAway = WhileBrokerAway.Wait }
                    topic<Int>("local/{id}") {
                        history(size = 10)
                        whileBrokerAway = WhileBrokerAway.DeliverLocally
                    }
                    topic<Int>("other")
                }
            }
        }) {
            val topics = listOf("waiting/1", "local/1", "other")
            for (topic in topics) application.live.topic(topic).publish(1)
            val client = PlainClient.connect(url())
            for (topic in topics) client.ask("""{"type":"subscribe","topic":"$topic","ref":"1"}""")
            for (topic in topics) application.live.topic(topic).publish(1)
            client.close()

            val settings = listOf(WhileBrokerAway.Wait, WhileBrokerAway.DeliverLocally, WhileBrokerAway.Fail)
            broker.published.map { it.topic to it.whileBrokerAway } shouldContainExactly
                topics.zip(settings).let { it + it }
            broker.published.count { it.history != null } shouldBe 2
        }
    }

    test("two endpoints cannot declare different settings for one topic") {
        shouldThrow<IllegalArgumentException> {
            withServer(module = {
                install(Live)
                routing {
                    live<Unit>("/a") { topic<Int>("t") { whileBrokerAway = WhileBrokerAway.Wait } }
                    live<Unit>("/b") { topic<Int>("t") }
                }
            }) { }
        }.message.orEmpty() shouldContain "whileBrokerAway"
    }
})

private class RecordingBroker(private val local: LocalBroker = LocalBroker()) : Broker by local {
    val published = ConcurrentLinkedQueue<Publication>()

    override suspend fun publish(publication: Publication): Position? {
        // without the operations of live itself
        if (publication.topic.isNotEmpty()) published += publication
        return local.publish(publication)
    }
}
