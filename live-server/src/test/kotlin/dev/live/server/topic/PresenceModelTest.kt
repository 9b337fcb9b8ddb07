@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.support.FakeCodec
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Thousands of members that come, go and come back within the grace, against who is really there. */
class PresenceModelTest : FunSpec({

    for (seed in 1..2) {
        test(
            "2,000 members at random: every client ends with the truth, told at most twice a second, with seed $seed",
        ) {
            runTest { PresenceModel(this, Random(seed)).run() }
        }
    }
})

private class PresenceModel(private val test: TestScope, private val random: Random) {
    private val settings = PresenceSettings(grace = 5.seconds, interval = 500.milliseconds, maxListed = 10_000)
    private val hub = hub(test, TopicPolicy(presence = settings))
    private val here = LinkedHashMap<Watcher, Member>()

    suspend fun run() {
        repeat(MEMBERS) { join(Watcher(), member(it)) }
        repeat(STEPS) {
            val (watcher, member) = here.entries.random(random)
            when (random.nextInt(10)) {
                in 0..3 -> { // a reconnect: most of them within the grace
                    gone(watcher)
                    test.advanceTimeBy(random.nextInt(50).milliseconds)
                    join(Watcher(), Member(member.key, member.info))
                }
                in 4..5 -> gone(watcher)
                6 -> left(watcher)
                else -> join(Watcher(), member(random.nextInt(MEMBERS)))
            }
            test.advanceTimeBy(random.nextInt(20).milliseconds)
        }
        test.advanceTimeBy(10.seconds)
        test.runCurrent()

        val truth = here.values.groupBy({ it.key }, { it.info }).mapValues { it.value.sorted() }
        for (watcher in here.keys) watcher.seen() shouldBe truth
        val busiest = here.keys.maxOf { it.mostWithin(1.seconds.inWholeMilliseconds) }
        busiest shouldBeLessThanOrEqual 2
        hub.presence!!.value.mapValues { (_, infos) -> infos.map { it.toString() }.sorted() } shouldBe truth
    }

    /** Some keys have several devices, of which some say the same. */
    private fun member(number: Int) = Member("user-${number % (MEMBERS * 4 / 5)}", """{"device":${number % 3}}""")

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
        private val members = HashMap<String, MutableList<String>>()
        private val times = ArrayList<Long>()

        override fun offer(run: MessageRun): Boolean = run.messages.all(::offer)

        override fun offer(message: PreparedMessage): Boolean {
            if (message.message.type == MessageType.PRESENCE) {
                times += test.currentTime
                take(parsed(message.message))
            }
            return true
        }

        fun seen() = members.mapValues { it.value.sorted() }

        fun mostWithin(millis: Long) = times.maxOf { from -> times.count { it >= from && it < from + millis } }

        private fun take(data: Map<String, List<Pair<String, String>>>) {
            if ("state" in data) members.clear()
            for ((key, info) in data["leaves"].orEmpty()) {
                val devices = members.getValue(key)
                check(devices.remove(info)) { "$key has no $info to lose" }
                if (devices.isEmpty()) members -= key
            }
            for ((key, info) in data["state"].orEmpty() + data["joins"].orEmpty()) {
                members.getOrPut(key) { ArrayList() } +=
                    info
            }
        }
    }

    private var lastBody: Body? = null
    private var lastParsed: Map<String, List<Pair<String, String>>> = emptyMap()

    /** Parsed once for all watchers: a message is the same object for all of them. */
    private fun parsed(message: Message): Map<String, List<Pair<String, String>>> {
        if (message.body !== lastBody) {
            lastBody = message.body
            lastParsed =
                Json.parseToJsonElement((message.body as Body.Json).text).jsonObject.mapValues { (_, of) ->
                    pairs(of.jsonObject)
                }
        }
        return lastParsed
    }

    private fun pairs(members: JsonObject) =
        members.flatMap { (key, infos) -> infos.jsonArray.map { key to it.toString() } }

    private companion object {
        const val MEMBERS = 2_000
        const val STEPS = 1_500
    }
}
