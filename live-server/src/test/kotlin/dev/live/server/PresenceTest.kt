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

/** Presence as a client sees it on the wire. */
class PresenceTest : FunSpec({

    for (engine in Engine.entries) {
        test("who joins is told who is there, and the others that it came and went, on $engine") {
            withPresence(engine, { presence(grace = Duration.ZERO, interval = FAST) { said() } }) {
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

    test("who comes back within the grace has never been away") {
        withPresence(settings = { presence(grace = 10.seconds, interval = FAST) { said() } }) {
            val ann = join("ann")
            ann.next()
            val bob = join("bob")
            ann.next() shouldContain """"joins":{"bob""""
            bob.close()
            val again = join("bob")
            again.next() shouldContain """"bob":["bob's phone"]"""

            val eve = join("eve")
            ann.next() shouldBe presence(""""joins":{"eve":["eve's phone"]}""")
            for (one in listOf(ann, again, eve)) one.close()
        }
    }

    test("above the limit only the number is told, and below it again everybody") {
        withPresence(settings = { presence(grace = Duration.ZERO, interval = FAST, maxListed = 1) { said() } }) {
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

    test("what a member says of itself must not be too much, and its session goes on") {
        withPresence(settings = { presence { said() } }) {
            val ann = PlainClient.connect(url(), "live.v1.json")

            ann.ask(subscribe("a".repeat(1_100))) shouldContain
                """"code":"too_large","reason":"presence info must be at most 1024 bytes, was 1110""""
            ann.ask(subscribe("a".repeat(300))) shouldContain
                """"code":"too_large","reason":"a presence key must be at most 256 characters, was 300""""
            ann.ask(subscribe("ann")) shouldContain "ack"
            ann.close()
        }
    }

    test("a topic that tells nobody says so to whoever wants to know") {
        withPresence(settings = { }) {
            val topic = application.live.topic("room/1")

            topic.presence.value shouldBe emptyMap()
            shouldThrow<IllegalStateException> { topic.presence.collect { } }.message shouldBe
                "topic 'room/1' tells nobody who is there. Declare it: topic(...) { presence { meta.name } }."
        }
    }

    test("who the server has join a topic is there as well, and gone when the server has it leave") {
        withPresence(settings = { presence(grace = Duration.ZERO, interval = FAST) { "ann" } }) {
            val ann = PlainClient.connect(url())
            ann.ask("""{"type":"ping"}""")
            val session = application.live.sessions.single()

            session.join("room/1")
            ann.next() shouldBe """{"type":"subscribe","topic":"room/1"}"""
            ann.next() shouldBe presence(""""state":{"ann":[null]}""")
            session.leave("room/1")

            eventually(HANG_TIMEOUT) { application.live.topic("room/1").presence.value shouldBe emptyMap() }
            ann.close()
        }
    }

    test("whom the server cannot name it does not have join") {
        withPresence(settings = { presence { reject("nobody") } }) {
            val ann = PlainClient.connect(url())
            ann.ask("""{"type":"ping"}""")
            val session = application.live.sessions.single()

            shouldThrow<LiveException> { session.join("room/1") }.reason shouldBe "nobody"

            session.topics shouldBe emptySet()
            ann.close()
        }
    }

    test("the application sees members come and go") {
        withPresence(settings = { presence(grace = Duration.ZERO, interval = FAST) { said() } }) {
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

/** The key that the client says, and a device. */
private fun PresenceScope<Unit>.said(): String {
    val name = params!!.jsonPrimitive.content
    info("$name's phone")
    return name
}

private fun subscribe(name: String) = """{"type":"subscribe","topic":"room/1","ref":"a","data":{"params":"$name"}}"""

private fun presence(data: String) = """{"type":"presence","topic":"room/1","data":{$data}}"""

private suspend fun TestServer.join(name: String): PlainClient =
    PlainClient.connect(url(), "live.v1.json").also { it.ask(subscribe(name)) shouldContain "ack" }
