package dev.live.client.topic

import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.room
import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.SubscribeData
import dev.live.protocol.decode
import dev.live.protocol.of
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.maps.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.launch
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlin.random.Random
import kotlin.time.Duration.Companion.seconds

/** The presence members of a topic, from the client's view. */
class PresenceFlowTest : FunSpec({

    test("presence starts with all members, then applies joins and leaves with the info of each session") {
        clientTest {
            ackSubscribes()
            val presence = collect(room().presence<String>())
            presence.awaitItem().shouldBeEmpty()

            pushPresence("""{"state":{"ann":["phone"]}}""")
            presence.awaitItem() shouldBe mapOf("ann" to listOf("phone"))
            pushPresence("""{"joins":{"ann":["laptop"],"__proto__":["phone"]}}""")
            presence.awaitItem() shouldBe mapOf("ann" to listOf("phone", "laptop"), "__proto__" to listOf("phone"))
            pushPresence("""{"leaves":{"ann":["phone"],"__proto__":["phone"]},"joins":{"bob":["phone"]}}""")

            presence.awaitItem() shouldBe mapOf("ann" to listOf("laptop"), "bob" to listOf("phone"))
            presence.cancel()
        }
    }

    test("above the server's limit presence has only the count, below it all members") {
        clientTest {
            ackSubscribes()
            val presence = collect(room().presence<String>())
            presence.awaitItem()

            pushPresence("""{"count":5000}""")
            presence.awaitItem().run { Triple(size, count, isListed) } shouldBe Triple(0, 5000, false)
            pushPresence("""{"state":{"ann":["phone"]}}""")

            presence.awaitItem().run { Triple(size, count, isListed) } shouldBe Triple(1, 1, true)
            presence.cancel()
        }
    }

    test("after random joins and leaves presence has the current members") {
        clientTest {
            ackSubscribes()
            val flow = room().presence<Int>()
            val presence = collect(flow)
            val random = Random(SEED)
            val expected = HashMap<String, MutableList<Int>>()
            pushPresence("""{"state":{}}""")

            repeat(500) {
                val left = expected.entries.filter { random.nextInt(5) == 0 }.associate { (key, of) ->
                    key to List(1 + random.nextInt(of.size)) { of.removeAt(random.nextInt(of.size)) }
                }
                expected.values.removeAll { it.isEmpty() }
                val joined = List(random.nextInt(4)) { "user ${random.nextInt(20)}" to random.nextInt(3) }
                joined.forEach { (key, info) -> expected.getOrPut(key) { ArrayList() } += info }
                val joins = json(joined.groupBy({ it.first }, { it.second }))
                pushPresence("""{"leaves":${json(left)},"joins":$joins}""")
            }

            flow.value.mapValues { it.value.sorted() } shouldBe expected.mapValues { it.value.sorted() }
            presence.cancelAndIgnoreRemainingEvents()
        }
    }

    test("presence keeps its last value during a reconnect") {
        clientTest {
            ackSubscribes()
            val flow = room().presence<String>()
            val presence = collect(flow)
            presence.awaitItem()
            pushPresence("""{"state":{"ann":["phone"]}}""")
            presence.awaitItem()

            transport.wire.cut()
            pass(1.seconds)
            flow.value shouldBe mapOf("ann" to listOf("phone"))
            pushPresence("""{"state":{"bob":["phone"]}}""")

            presence.awaitItem() shouldBe mapOf("bob" to listOf("phone"))
            presence.cancel()
        }
    }

    test("a join and leaves with equal info are counted correctly") {
        clientTest {
            ackSubscribes()
            val presence = collect(room().presence<String>())
            presence.awaitItem()
            pushPresence("""{"state":{"ann":["phone","phone"]}}""")
            presence.awaitItem() shouldBe mapOf("ann" to listOf("phone", "phone"))

            pushPresence("""{"joins":{"ann":["phone"]},"leaves":{"ann":["phone","phone"]}}""")

            presence.awaitItem() shouldBe mapOf("ann" to listOf("phone"))
            presence.cancel()
        }
    }

    test("a collector that starts before the unsubscribe is sent receives the current members") {
        clientTest {
            ackSubscribes()
            val first = scope.launch { room().presence<String>().collect { } }
            settle()
            pushPresence("""{"state":{"ann":["phone"],"bob":["phone"]}}""")
            first.cancel()

            val presence = room().presence<String>()
            val second = scope.launch { presence.collect { } }
            settle()
            pushPresence("""{"joins":{"eve":["phone"]}}""")

            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1
            presence.value.keys shouldContainExactly setOf("ann", "bob", "eve")
            second.cancel()
        }
    }

    test("a collector after the unsubscribe does not receive old members") {
        clientTest {
            ackSubscribes()
            val first = collect(room().presence<String>())
            pushPresence("""{"state":{"ann":["phone"]}}""")
            first.cancelAndIgnoreRemainingEvents()
            settle()

            val second = collect(room().presence<String>())

            second.awaitItem().shouldBeEmpty()
            second.expectNoEvents()
            second.cancel()
        }
    }

    test("presence keeps its last value and does not fail when the client is closed") {
        clientTest {
            ackSubscribes()
            val flow = room().presence<String>()
            val presence = collect(flow)
            presence.awaitItem()
            pushPresence("""{"state":{"ann":["phone"]}}""")
            presence.awaitItem()

            client.close()
            settle()

            presence.expectNoEvents()
            flow.value shouldBe mapOf("ann" to listOf("phone"))
            presence.cancel()
        }
    }

    test("presence fails when the server closes the client permanently") {
        clientTest {
            ackSubscribes()
            val presence = collect(room().presence<String>())
            presence.awaitItem()

            transport.wire.cut(CloseCode.Kicked, "enough")
            settle()

            presence.awaitError().shouldBeInstanceOf<ClientClosedException>().reason shouldBe
                "the client is closed: the server closed with 4403 (enough)"
        }
    }

    test("a member info of the wrong type fails the flow, and the error omits the info") {
        clientTest {
            ackSubscribes()
            val presence = collect(room().presence<Int>())
            presence.awaitItem()

            pushPresence("""{"state":{"ann":["secret"]}}""")

            presence.awaitError().shouldBeInstanceOf<BadPayloadException>().reason shouldBe
                "the info of a presence member does not match the type that this client expects"
        }
    }

    test("subscribe params are sent again after a reconnect, and those of the latest collector win") {
        clientTest {
            val params = ackSubscribes()
            val first = collect(room().withParams("phone").messages)
            val second = collect(room().withParams("laptop").messages)

            transport.wire.cut()
            pass(1.seconds)

            params shouldContainExactly listOf("\"phone\"", "\"laptop\"")
            first.cancel()
            second.cancel()
        }
    }
})

private const val SEED = 7

/** Acks every subscribe. Returns the params of the subscribes. */
private fun ClientFixture.ackSubscribes(): List<String?> {
    val params = ArrayList<String?>()
    transport.onMessage = { message ->
        val isSubscribe = message.type == MessageType.SUBSCRIBE
        if (isSubscribe) {
            params += message.body?.let { message.decode<SubscribeData>().params?.toString() }
            transport.wire.push(Message(MessageType.ACK, message.topic, message.ref))
        }
        isSubscribe
    }
    return params
}

private fun ClientFixture.pushPresence(data: String) {
    transport.wire.push(Message(MessageType.PRESENCE, "room", body = Body.json(data)))
    settle()
}

private fun json(members: Map<String, List<Int>>) =
    JsonObject(members.mapValues { (_, infos) -> JsonArray(infos.map { JsonPrimitive(it) }) })
