package dev.live.server

import dev.live.protocol.LiveException
import dev.live.server.endpoint.PresenceScope
import dev.live.server.endpoint.TopicDeclaration
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonPrimitive
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Presence messages on the wire. */
class PresenceTest : FunSpec({

    for (engine in Engine.usual) {
        test("a new subscriber receives the state, other subscribers receive joins and leaves, on $engine") {
            withPresence(engine, { presence(grace = Duration.ZERO, interval = FAST) { paramsKey() } }) {
                val ann = join("ann")
                ann.next() shouldBe presence(""""state":{"ann":["ann's phone"]}""")

                val bob = join("__proto__")
                ann.next() shouldBe presence(""""joins":{"__proto__":["__proto__'s phone"]}""")
                bob.next() shouldBe presence(""""state":{"ann":["ann's phone"],"__proto__":["__proto__'s phone"]}""")
                application.live.topic("room/1").presence.value.keys shouldBe setOf("ann", "__proto__")

                bob.close()
                ann.next() shouldBe presence(""""leaves":{"__proto__":["__proto__'s phone"]}""")
                ann.close()
            }
        }
    }

    test("a member that reconnects within the grace period is not reported as left") {
        withPresence(settings = { presence(grace = 10.seconds, interval = FAST) { paramsKey() } }) {
            val ann = join("ann")
            ann.next()
            val bob = join("bob")
            ann.next() shouldContain """"joins":{"bob""""
            bob.close()
            eventually(HANG_TIMEOUT) { application.live.topic("room/1").subscribers shouldBe 1 }
            val again = join("bob")
            again.next() shouldContain """"bob":["bob's phone"]"""

            val eve = join("eve")
            ann.next() shouldBe presence(""""joins":{"eve":["eve's phone"]}""")
            for (one in listOf(ann, again, eve)) one.close()
        }
    }

    test("above maxListed only the count is sent, below it the state again") {
        withPresence(settings = { presence(grace = Duration.ZERO, interval = FAST, maxListed = 1) { paramsKey() } }) {
            val ann = join("ann")
            ann.next() shouldContain "state"
            val bob = join("bob")

            ann.next() shouldBe presence(""""count":2""")
            bob.next() shouldBe presence(""""count":2""")
            bob.close()
            ann.next() shouldBe presence(""""state":{"ann":["ann's phone"]}""")
            ann.close()
        }
    }

    test("oversized presence info or keys are rejected, and the session continues") {
        withPresence(settings = { presence { paramsKey() } }) {
            val ann = PlainClient.connect(url(), "live.v1.json")

            ann.ask(subscribe("a".repeat(1_100))) shouldContain
                """"code":"too_large","reason":"presence info must be at most 1024 bytes, was 1110""""
            ann.ask(subscribe("a".repeat(300))) shouldContain
                """"code":"too_large","reason":"a presence key must be at most 256 characters, was 300""""
            ann.ask(subscribe("ann")) shouldContain "ack"
            ann.close()
        }
    }

    test("presence of a topic without presence is empty, and collecting it fails with advice") {
        withPresence(settings = { }) {
            val topic = application.live.topic("room/1")

            topic.presence.value shouldBe emptyMap()
            shouldThrow<IllegalStateException> { topic.presence.collect { } }.message shouldBe
                "topic 'room/1' declares no presence. Declare it: topic(...) { presence { meta.name } }."
        }
    }

    test("a session that the server subscribes is a member until the server unsubscribes it") {
        withPresence(settings = { presence(grace = Duration.ZERO, interval = FAST) { "ann" } }) {
            val ann = PlainClient.connect(url())
            ann.ask("""{"type":"ping"}""")
            val session = application.live.sessions.single()

            session.subscribe("room/1")
            ann.next() shouldBe """{"type":"subscribe","topic":"room/1"}"""
            ann.next() shouldBe presence(""""state":{"ann":[null]}""")
            session.unsubscribe("room/1")

            eventually(HANG_TIMEOUT) { application.live.topic("room/1").presence.value shouldBe emptyMap() }
            ann.close()
        }
    }

    test("a rejected presence key fails the server's join") {
        withPresence(settings = { presence { reject("no name") } }) {
            val ann = PlainClient.connect(url())
            ann.ask("""{"type":"ping"}""")
            val session = application.live.sessions.single()

            shouldThrow<LiveException> { session.subscribe("room/1") }.reason shouldBe "no name"

            session.topics shouldBe emptySet()
            ann.close()
        }
    }

    test("the application observes members joining and leaving") {
        withPresence(settings = { presence(grace = Duration.ZERO, interval = FAST) { paramsKey() } }) {
            val ann = join("ann")
            val topic = application.live.topic("room/1")
            eventually(HANG_TIMEOUT) {
                topic.presence.value shouldBe
                    mapOf("ann" to listOf(JsonPrimitive("ann's phone")))
            }
            ann.close()
            eventually(HANG_TIMEOUT) { topic.presence.value shouldBe emptyMap() }
        }
    }
})

private val FAST = 1.milliseconds

private suspend fun withPresence(
    engine: Engine = Engine.Netty,
    settings: TopicDeclaration<Unit, Line>.() -> Unit,
    test: suspend TestServer.() -> Unit,
) = withServer(
    engine,
    {
        install(Live)
        routing { live<Unit>("/live") { topic<Line>("room/{room}") { settings() } } }
    },
    test = test,
)

/** Uses the key in the subscribe params and adds a device as info. */
private fun PresenceScope<Unit>.paramsKey(): String {
    val name = params!!.jsonPrimitive.content
    info("$name's phone")
    return name
}

private fun subscribe(name: String) = """{"type":"subscribe","topic":"room/1","ref":"a","data":{"params":"$name"}}"""

private fun presence(data: String) = """{"type":"presence","topic":"room/1","data":{$data}}"""

private suspend fun TestServer.join(name: String): PlainClient =
    PlainClient.connect(url(), "live.v1.json").also { it.ask(subscribe(name)) shouldContain "ack" }
