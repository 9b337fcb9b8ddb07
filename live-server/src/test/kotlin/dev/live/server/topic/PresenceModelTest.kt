@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.PresenceMember
import dev.live.server.support.PresenceNodes
import dev.live.server.support.amount
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
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** Model test of presence: members join, leave and reconnect within the grace period, around the list limit. */
class PresenceModelTest : FunSpec({

    for (seed in 1..amount(1, 2)) {
        test(
            "2,000 random members: every client ends with the correct state, at most two messages a second, seed $seed",
        ) {
            runTest(timeout = 10.minutes) {
                PresenceModel(this, Random(seed), members = 2_000, steps = amount(1_000, 1_500)).run()
            }
        }
    }

    for (seed in 1..amount(1, 3)) {
        test("above maxListed only the count is sent, below it the full state again, with seed $seed") {
            runTest(timeout = 10.minutes) {
                val model = PresenceModel(this, Random(seed), members = 40, steps = 6_000, maxListed = 40)

                model.run(settleEvery = 25)

                model.settledListed shouldBeGreaterThan 20
                model.settledCounted shouldBeGreaterThan 20
            }
        }
    }

    for (seed in 1..amount(2, 6)) {
        test("three nodes with crashes and reconnects to other nodes: every client has the state of all, seed $seed") {
            runTest(timeout = 10.minutes) {
                val model = PresenceModel(this, Random(seed), members = 60, steps = 1_500, maxListed = 60, nodes = 3)

                model.run(settleEvery = 100)

                model.crashes shouldBeGreaterThan 5
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
    nodes: Int = 1,
) {
    private val settings = PresenceSettings(grace = 5.seconds, interval = 500.milliseconds, maxListed)
    private val application = PresenceNodes(test.backgroundScope)
    private val nodes = MutableList(nodes) { Node() }
    private val watchers = LinkedHashMap<Watcher, PresenceMember>()

    var crashes = 0
        private set

    private inner class Node {
        val directory: PresenceNodes.Node = application.node { hub.presenceChanged(it) }
        val hub: ActiveTopic = hub(test, TopicPolicy(presence = settings), directory.broker)
    }

    /** How often the model settled with all members listed, and with only the count. */
    var settledListed = 0
    var settledCounted = 0

    suspend fun run(settleEvery: Int = steps) {
        repeat(members) { join(Watcher(), member(it)) }
        repeat(steps) { step ->
            val (watcher, member) = watchers.entries.random(random)
            when {
                nodes.size > 1 && random.nextInt(60) == 0 -> crash(nodes.random(random))
                random.nextInt(10) < 4 -> { // a reconnect within the grace period
                    drop(watcher)
                    test.advanceTimeBy(random.nextInt(50).milliseconds)
                    join(Watcher(), PresenceMember(member.key, member.info))
                }
                // joins get rarer as members increase, so the number of members stays about the same
                random.nextInt(2 * members) >= watchers.size -> join(Watcher(), member(random.nextInt(members)))
                random.nextInt(3) == 0 -> leave(watcher)
                else -> drop(watcher)
            }
            test.advanceTimeBy(random.nextInt(20).milliseconds)
            if ((step + 1) % settleEvery == 0) settle()
        }
    }

    /** Waits until no message is pending. Then checks every client's state and the rate of messages. */
    private fun settle() {
        test.advanceTimeBy(10.seconds)
        test.runCurrent()
        val expected = watchers.values.groupBy({ it.key }, { it.info }).mapValues { it.value.sorted() }
        val isListed = watchers.size <= maxListed
        if (isListed) settledListed++ else settledCounted++
        for (watcher in watchers.keys) {
            watcher.error shouldBe null
            watcher.state() shouldBe if (isListed) expected else null
            watcher.count shouldBe if (isListed) null else watchers.size
        }
        val busiest = watchers.keys.maxOf { it.mostWithin(1.seconds.inWholeMilliseconds) }
        busiest shouldBeLessThanOrEqual 2
        for (node in nodes) {
            node.hub.presence!!.value.mapValues { (_, infos) -> infos.map { it.toString() }.sorted() } shouldBe expected
        }
    }

    /** Some keys have several devices, some of them with equal info. */
    private fun member(number: Int) =
        PresenceMember("user-${number % (members * 4 / 5)}", """{"device":${number % 3}}""")

    private suspend fun join(watcher: Watcher, member: PresenceMember) {
        watcher.node.hub.subscribe(watcher, Message(MessageType.ACK), member = member)
        watchers[watcher] = member
    }

    private suspend fun drop(watcher: Watcher) {
        watcher.node.hub.unsubscribe(watcher)
        watchers -= watcher
    }

    private suspend fun leave(watcher: Watcher) {
        watcher.node.hub.unsubscribe(watcher, Message(MessageType.ACK))
        watchers -= watcher
    }

    /** All clients of [node] connect to other nodes, some of them before the crash is noticed. */
    private suspend fun crash(node: Node) {
        crashes++
        nodes -= node
        node.directory.crash(lostFor = 2.seconds)
        val affected = watchers.filterKeys { it.node === node }
        watchers -= affected.keys
        nodes += Node().also { it.directory.reportPresent() }
        for (member in affected.values) {
            if (random.nextInt(4) > 0) join(Watcher(), PresenceMember(member.key, member.info))
            test.advanceTimeBy(random.nextInt(200).milliseconds)
        }
    }

    /** A client that records its presence messages and their times. */
    private inner class Watcher : Subscriber("watcher") {
        val node = nodes.random(random)

        /** Null while only the [count] is sent. */
        private var listed: HashMap<String, MutableList<String>>? = null
        private val times = ArrayList<Long>()

        var count: Int? = null
            private set

        /** The first inconsistent message. */
        var error: String? = null
            private set

        override fun offer(batch: MessageBatch): Boolean = batch.messages.all(::offer)

        override fun offer(message: PreparedMessage): Boolean {
            if (message.message.type == MessageType.PRESENCE) {
                times += test.currentTime
                try {
                    onUpdate(parsed(message.message))
                } catch (e: IllegalStateException) {
                    error = error ?: e.message // if thrown, the topic would only log it
                }
            }
            return true
        }

        fun state() = listed?.mapValues { it.value.sorted() }

        fun mostWithin(millis: Long) = times.maxOf { from -> times.count { it >= from && it < from + millis } }

        private fun onUpdate(update: Update) {
            count = update.count
            if (update.count != null || update.state != null) listed = null
            if (update.count != null) return
            val members = if (update.state != null) HashMap() else checkNotNull(listed) { "a change without a state" }
            for ((key, info) in update.leaves) {
                val devices = checkNotNull(members[key]) { "$key is not present" }
                check(devices.remove(info)) { "$key has no $info" }
                if (devices.isEmpty()) members -= key
            }
            for ((key, info) in update.state.orEmpty() + update.joins) members.getOrPut(key) { ArrayList() } += info
            listed = members
        }
    }

    /** One presence message: state, changes or count, as pairs of a key and the info of one device. */
    private class Update(data: JsonObject) {
        val count = data["count"]?.jsonPrimitive?.int
        val state = data["state"]?.let(::pairs)
        val joins = data["joins"]?.let(::pairs).orEmpty()
        val leaves = data["leaves"]?.let(::pairs).orEmpty()

        private fun pairs(members: JsonElement) =
            members.jsonObject.flatMap { (key, infos) -> infos.jsonArray.map { key to it.toString() } }
    }

    private var lastBody: Body? = null
    private var lastUpdate = Update(JsonObject(emptyMap()))

    /** Parsed once: all watchers receive the same message object. */
    private fun parsed(message: Message): Update {
        if (message.body !== lastBody) {
            lastBody = message.body
            lastUpdate = Update(Json.parseToJsonElement((message.body as Body.Json).text).jsonObject)
        }
        return lastUpdate
    }
}
