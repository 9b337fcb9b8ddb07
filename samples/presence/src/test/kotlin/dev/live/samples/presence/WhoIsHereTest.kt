package dev.live.samples.presence

import dev.live.client.LiveClient
import dev.live.client.topic.Presence
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.SubscribeData
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.test.LiveTest
import dev.live.test.RawConnection
import dev.live.test.testLive
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.Json
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes

class WhoIsHereTest : FunSpec({

    test("a user with two devices is one entry with two device infos") {
        testLive(Application::whoIsHere) {
            tab("Ann", """{"device":"phone"}""")
            tab("Ann", """{"device":"computer"}""")
            tab("Bob", params = null)

            val people = connect("/live?name=Zoe").seesUntil { it.count == 4 }

            people.mapValues { (_, devices) -> devices.map { it.kind } } shouldBe
                mapOf("Ann" to listOf("phone", "computer"), "Bob" to listOf("computer"), "Zoe" to listOf("computer"))
        }
    }

    test("unknown device info becomes a computer") {
        testLive(Application::whoIsHere) {
            for (params in listOf("null", "5", "[]", """{"device":7}""", """{"device":"<b>"}""")) tab("Ann", params)

            val people = connect("/live?name=Zoe").seesUntil { it.count == 6 }

            people.getValue("Ann").map { it.kind }.distinct() shouldContainExactly listOf("computer")
        }
    }

    test("a user leaves at once on unsubscribe, and after the grace period on a lost connection") {
        testLive({ whoIsHere(grace = 1.hours) }) {
            val zoe = connect("/live?name=Zoe")
            val broken = tab("Ann", params = null)
            val gone = tab("Bob", params = null)
            zoe.seesUntil { it.count == 3 }

            broken.drop()
            gone.send(Message(MessageType.UNSUBSCRIBE, ROOM, "2"))
            gone.close()
            awaitUntil("one session is left") { live.sessions.size == 1 }

            zoe.seesUntil { it.isNotEmpty() && "Bob" !in it }.keys shouldContainExactly setOf("Zoe", "Ann")
        }
    }

    test("without a grace period a user leaves when the connection is lost") {
        testLive({ whoIsHere(grace = Duration.ZERO) }) {
            val zoe = connect("/live?name=Zoe")
            val broken = tab("Ann", params = null)
            zoe.seesUntil { it.count == 2 }

            broken.drop()

            zoe.seesUntil { it.count == 1 }.keys shouldContainExactly setOf("Zoe")
        }
    }

    test("the server sets the author of typing, and sends it to others and to other tabs of the user") {
        testLive(Application::whoIsHere) {
            val ann = connect("/live?name=Ann")
            val seenByAnn = ann.received<Signal>(ROOM)
            val seenByHerOtherTab = connect("/live?name=Ann").received<Signal>(ROOM)
            val bob = connect("/live?name=Bob")
            val seenByBob = bob.received<Signal>(ROOM)

            ann.topic<Signal>(ROOM).publish(Signal("typing", from = "Bob"))
            bob.topic<Signal>(ROOM).publish(Signal("wave"))

            seenByBob.next() shouldBe Signal("typing", from = "Ann")
            seenByHerOtherTab.next() shouldBe Signal("typing", from = "Ann")
            seenByAnn.next() shouldBe Signal("wave", from = "Bob")
            seenByBob.taken().shouldBeEmpty()
        }
    }

    test("earlier signals are not delivered to a new subscriber") {
        testLive(Application::whoIsHere) {
            val ann = connect("/live?name=Ann")
            ann.received<Signal>(ROOM)
            ann.topic<Signal>(ROOM).publish(Signal("typing"))

            val bob = tab("Bob", params = null)
            ann.topic<Signal>(ROOM).publish(Signal("wave"))

            bob.nextSignal() shouldBe Signal("wave", from = "Ann")
        }
    }

    test("an unknown signal is rejected") {
        testLive(Application::whoIsHere) {
            val ann = connect("/live?name=Ann")
            ann.received<Signal>(ROOM)

            val rejected = shouldThrow<LiveException> { ann.topic<Signal>(ROOM).publish(Signal("shout")) }

            rejected.code shouldBe ErrorCode.BadPayload
            rejected.reason shouldBe "kind must be one of [typing, idle, wave]"
        }
    }
})

private const val ROOM = "room/studio"

/** A subscribed page with [params] as device info. */
private suspend fun LiveTest.tab(name: String, params: String?): RawConnection {
    val page = connectRaw("/live?name=$name")
    val data = params?.let { Body.of(SubscribeData(params = Json.parseToJsonElement(it))) }
    page.request(Message(MessageType.SUBSCRIBE, ROOM, "1", data)).type shouldBe MessageType.ACK
    return page
}

/** Returns the next signal; skips presence messages. */
private suspend fun RawConnection.nextSignal(): Signal {
    while (true) {
        val message = next()
        if (message.type == MessageType.MESSAGE) return message.decode()
    }
}

private suspend fun LiveClient.seesUntil(condition: (Presence<Device>) -> Boolean): Presence<Device> =
    withTimeout(2.minutes) { topic<Signal>(ROOM).presence<Device>().first(condition) }
