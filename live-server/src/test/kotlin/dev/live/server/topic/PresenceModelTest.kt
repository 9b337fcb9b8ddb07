@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.support.FakeCodec
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Members that come, go and come back within the grace, thousands or as many as are listed, against the truth. */
class PresenceModelTest : FunSpec({

    for (seed in 1..2) {
        test(
            "2,000 members at random: every client ends with the truth, told at most twice a second, with seed $seed",
        ) {
            runTest { PresenceModel(this, Random(seed), members = 2_000, steps = 1_500).run() }
        }
    }

    for (seed in 1..3) {
        test("around the cap only their number is told above it, and everybody again below, with seed $seed") {
            runTest {
                val model = PresenceModel(this, Random(seed), members = 40, steps = 6_000, maxListed = 40)

                model.run(settleEvery = 25)

                model.settledListed shouldBeGreaterThan 20
                model.settledCounted shouldBeGreaterThan 20
            }
        }
    }
})

private class PresenceModel(
    private val test: TestScope,
    private val random: Random,
    private val members: Int,
    private val steps: Int,
    private val maxListed: Int = 10_000,
) {
    private val settings = PresenceSettings(grace = 5.seconds, interval = 500.milliseconds, maxListed)
    private val hub = hub(test, TopicPolicy(presence = settings))
    private val here = LinkedHashMap<Watcher, Member>()

    /** How often everything was still, with everybody listed and with only their number told. */
    var settledListed = 0
    var settledCounted = 0

    suspend fun run(settleEvery: Int = steps) {
        repeat(members) { join(Watcher(), member(it)) }
        repeat(steps) { step ->
            val (watcher, member) = here.entries.random(random)
            when {
                random.nextInt(10) < 4 -> { // a reconnect within the grace
                    gone(watcher)
                    test.advanceTimeBy(random.nextInt(50).milliseconds)
                    join(Watcher(), Member(member.key, member.info))
                }
                // the more there are, the rarer: so they stay around as many as there were
                random.nextInt(2 * members) >= here.size -> join(Watcher(), member(random.nextInt(members)))
                random.nextInt(3) == 0 -> left(watcher)
                else -> gone(watcher)
            }
            test.advanceTimeBy(random.nextInt(20).milliseconds)
            if ((step + 1) % settleEvery == 0) settle()
        }
    }

    /** Once nothing is to be told any more, everybody knows the truth, and was not told it in too many words. */
    private fun settle() {
        test.advanceTimeBy(10.seconds)
        test.runCurrent()
        val truth = here.values.groupBy({ it.key }, { it.info }).mapValues { it.value.sorted() }
        val isListed = here.size <= maxListed
        if (isListed) settledListed++ else settledCounted++
        for (watcher in here.keys) {
            watcher.wrong shouldBe null
            watcher.seen() shouldBe if (isListed) truth else null
            watcher.count shouldBe if (isListed) null else here.size
        }
        val busiest = here.keys.maxOf { it.mostWithin(1.seconds.inWholeMilliseconds) }
        busiest shouldBeLessThanOrEqual 2
        hub.presence!!.value.mapValues { (_, infos) -> infos.map { it.toString() }.sorted() } shouldBe truth
    }

    /** Some keys have several devices, of which some say the same. */
    private fun member(number: Int) = Member("user-${number % (members * 4 / 5)}", """{"device":${number % 3}}""")

    private suspend fun join(watcher: Watcher, member: Member) {
        hub.join(watcher, Message(MessageType.ACK), member = member)
        here[watcher] = member
    }

    private suspend fun gone(watcher: Watcher) {
        hub.leave(watcher)
        here -= watcher
    }

    private suspend fun left(watcher: Watcher) {
        hub.leave(watcher, Message(MessageType.ACK))
        here -= watcher
    }

    /** A client: keeps what it is told, and when. */
    private inner class Watcher : Subscriber("watcher") {
        /** Null while only the [count] is told. */
        private var listed: HashMap<String, MutableList<String>>? = null
        private val times = ArrayList<Long>()

        var count: Int? = null
            private set

        /** The first telling that made no sense. */
        var wrong: String? = null
            private set

        override fun offer(run: MessageBatch): Boolean = run.messages.all(::offer)

        override fun offer(message: PreparedMessage): Boolean {
            if (message.message.type == MessageType.PRESENCE) {
                times += test.currentTime
                try {
                    take(parsed(message.message))
                } catch (e: IllegalStateException) {
                    wrong = wrong ?: e.message // thrown on, it would be the topic's to log
                }
            }
            return true
        }

        fun seen() = listed?.mapValues { it.value.sorted() }

        fun mostWithin(millis: Long) = times.maxOf { from -> times.count { it >= from && it < from + millis } }

        private fun take(told: Told) {
            count = told.count
            if (told.count != null || told.state != null) listed = null
            if (told.count != null) return
            val members = if (told.state != null) HashMap() else checkNotNull(listed) { "a change of nothing" }
            for ((key, info) in told.leaves) {
                val devices = checkNotNull(members[key]) { "$key is not there to lose anything" }
                check(devices.remove(info)) { "$key has no $info to lose" }
                if (devices.isEmpty()) members -= key
            }
            for ((key, info) in told.state.orEmpty() + told.joins) members.getOrPut(key) { ArrayList() } += info
            listed = members
        }
    }

    /** One telling: everybody, what is different, or how many; pairs of a key and what one of its devices says. */
    private class Told(data: JsonObject) {
        val count = data["count"]?.jsonPrimitive?.int
        val state = data["state"]?.let(::pairs)
        val joins = data["joins"]?.let(::pairs).orEmpty()
        val leaves = data["leaves"]?.let(::pairs).orEmpty()

        private fun pairs(members: JsonElement) =
            members.jsonObject.flatMap { (key, infos) -> infos.jsonArray.map { key to it.toString() } }
    }

    private var lastBody: Body? = null
    private var lastTold = Told(JsonObject(emptyMap()))

    /** Parsed once for all watchers: a message is the same object for all of them. */
    private fun parsed(message: Message): Told {
        if (message.body !== lastBody) {
            lastBody = message.body
            lastTold = Told(Json.parseToJsonElement((message.body as Body.Json).text).jsonObject)
        }
        return lastTold
    }
}
