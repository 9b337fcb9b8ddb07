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

/** Who is on a topic, as a client shows it. */
class PresenceFlowTest : FunSpec({

    test("everybody, then who comes and who goes, each with what its sessions say") {
        clientTest {
            acked()
            val people = collect(room().presence<String>())
            people.awaitItem().shouldBeEmpty()

            says("""{"state":{"ann":["phone"]}}""")
            people.awaitItem() shouldBe mapOf("ann" to listOf("phone"))
            says("""{"joins":{"ann":["laptop"],"__proto__":["phone"]}}""")
            people.awaitItem() shouldBe mapOf("ann" to listOf("phone", "laptop"), "__proto__" to listOf("phone"))
            says("""{"leaves":{"ann":["phone"],"__proto__":["phone"]},"joins":{"bob":["phone"]}}""")

            people.awaitItem() shouldBe mapOf("ann" to listOf("laptop"), "bob" to listOf("phone"))
            people.cancel()
        }
    }

    test("above the server's limit only how many, and below it everybody again") {
        clientTest {
            acked()
            val people = collect(room().presence<String>())
            people.awaitItem()

            says("""{"count":5000}""")
            people.awaitItem().run { Triple(size, count, isListed) } shouldBe Triple(0, 5000, false)
            says("""{"state":{"ann":["phone"]}}""")

            people.awaitItem().run { Triple(size, count, isListed) } shouldBe Triple(1, 1, true)
            people.cancel()
        }
    }

    test("however members come and go, it ends with those that are there") {
        clientTest {
            acked()
            val flow = room().presence<Int>()
            val people = collect(flow)
            val random = Random(SEED)
            val truth = HashMap<String, MutableList<Int>>()
            says("""{"state":{}}""")

            repeat(500) {
                val left = truth.entries.filter { random.nextInt(5) == 0 }.associate { (key, of) ->
                    key to List(1 + random.nextInt(of.size)) { of.removeAt(random.nextInt(of.size)) }
                }
                truth.values.removeAll { it.isEmpty() }
                val joined = List(random.nextInt(4)) { "user ${random.nextInt(20)}" to random.nextInt(3) }
                joined.forEach { (key, info) -> truth.getOrPut(key) { ArrayList() } += info }
                says("""{"leaves":${json(left)},"joins":${json(joined.groupBy({ it.first }, { it.second }))}}""")
            }

            flow.value.mapValues { it.value.sorted() } shouldBe truth.mapValues { it.value.sorted() }
            people.cancelAndIgnoreRemainingEvents()
        }
    }

    test("through a reconnect it stays as it was last known") {
        clientTest {
            acked()
            val flow = room().presence<String>()
            val people = collect(flow)
            people.awaitItem()
            says("""{"state":{"ann":["phone"]}}""")
            people.awaitItem()

            transport.wire.cut()
            pass(1.seconds)
            flow.value shouldBe mapOf("ann" to listOf("phone"))
            says("""{"state":{"bob":["phone"]}}""")

            people.awaitItem() shouldBe mapOf("bob" to listOf("phone"))
            people.cancel()
        }
    }

    test("one who says the same as another that leaves with it is there") {
        clientTest {
            acked()
            val people = collect(room().presence<String>())
            people.awaitItem()
            says("""{"state":{"ann":["phone","phone"]}}""")
            people.awaitItem() shouldBe mapOf("ann" to listOf("phone", "phone"))

            says("""{"joins":{"ann":["phone"]},"leaves":{"ann":["phone","phone"]}}""")

            people.awaitItem() shouldBe mapOf("ann" to listOf("phone"))
            people.cancel()
        }
    }

    test("whoever collects before the last one's unsubscribe is written is told who is there") {
        clientTest {
            acked()
            val first = scope.launch { room().presence<String>().collect { } }
            settle()
            says("""{"state":{"ann":["phone"],"bob":["phone"]}}""")
            first.cancel()

            val people = room().presence<String>()
            val second = scope.launch { people.collect { } }
            settle()
            says("""{"joins":{"eve":["phone"]}}""")

            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe 1
            people.value.keys shouldContainExactly setOf("ann", "bob", "eve")
            second.cancel()
        }
    }

    test("whoever collects after the last one left is told nothing of those who were there") {
        clientTest {
            acked()
            val first = collect(room().presence<String>())
            says("""{"state":{"ann":["phone"]}}""")
            first.cancelAndIgnoreRemainingEvents()
            settle()

            val second = collect(room().presence<String>())

            second.awaitItem().shouldBeEmpty()
            second.expectNoEvents()
            second.cancel()
        }
    }

    test("it stays as it was last known, and does not fail, when the client is closed") {
        clientTest {
            acked()
            val flow = room().presence<String>()
            val people = collect(flow)
            people.awaitItem()
            says("""{"state":{"ann":["phone"]}}""")
            people.awaitItem()

            client.close()
            settle()

            people.expectNoEvents()
            flow.value shouldBe mapOf("ann" to listOf("phone"))
            people.cancel()
        }
    }

    test("a server that ends the client fails it") {
        clientTest {
            acked()
            val people = collect(room().presence<String>())
            people.awaitItem()

            transport.wire.cut(CloseCode.Kicked, "enough")
            settle()

            people.awaitError().shouldBeInstanceOf<ClientClosedException>().reason shouldBe
                "the client is closed: the server closed with 4403 (enough)"
        }
    }

    test("what a member says that is not what the client expects fails the flow, and says nothing of it") {
        clientTest {
            acked()
            val people = collect(room().presence<Int>())
            people.awaitItem()

            says("""{"state":{"ann":["secret"]}}""")

            people.awaitError().shouldBeInstanceOf<BadPayloadException>().reason shouldBe
                "what a member says of itself is not what this client expects"
        }
    }

    test("the server is told what a collector wants it to know, again after a reconnect, and the latest one's counts") {
        clientTest {
            val said = acked()
            val first = collect(room().withParams("phone").messages)
            val second = collect(room().withParams("laptop").messages)

            transport.wire.cut()
            pass(1.seconds)

            said shouldContainExactly listOf("\"phone\"", "\"laptop\"")
            first.cancel()
            second.cancel()
        }
    }
})

private const val SEED = 7

/** Answers what is subscribed to; the parameters of each. */
private fun ClientFixture.acked(): List<String?> {
    val params = ArrayList<String?>()
    transport.onMessage = { message ->
        val isJoin = message.type == MessageType.SUBSCRIBE
        if (isJoin) {
            params += message.body?.let { message.decode<SubscribeData>().params?.toString() }
            transport.wire.push(Message(MessageType.ACK, message.topic, message.ref))
        }
        isJoin
    }
    return params
}

private fun ClientFixture.says(data: String) {
    transport.wire.push(Message(MessageType.PRESENCE, "room", body = Body.json(data)))
    settle()
}

private fun json(members: Map<String, List<Int>>) =
    JsonObject(members.mapValues { (_, infos) -> JsonArray(infos.map { JsonPrimitive(it) }) })
