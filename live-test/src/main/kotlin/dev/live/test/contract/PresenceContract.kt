package dev.live.test.contract

import dev.live.protocol.Position
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerSink
import dev.live.server.broker.PresenceChange
import dev.live.server.broker.PresenceDirectory
import dev.live.server.broker.PresenceMember
import dev.live.server.broker.Publication
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.factory.TestFactory
import io.kotest.core.spec.style.funSpec
import io.kotest.core.spec.style.scopes.FunSpecRootScope
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlin.time.Duration.Companion.minutes

/**
 * The tests that every broker with a [PresenceDirectory] must pass, to include in a kotest spec:
 *
 * ```
 * class OwnPresenceTest : FunSpec({
 *     include(
 *         presenceContract {
 *             val application = newName()
 *             { OwnBroker(url, application) }
 *         },
 *     )
 * })
 * ```
 *
 * One file, so that the whole contract can be read in one place.
 *
 * @param newApplication prepares an application for one test. The result creates the broker of one of its nodes. A node
 *   that has crashed must be noticed within a minute
 */
public fun presenceContract(newApplication: () -> (() -> Broker)): TestFactory =
    funSpec {
        members(newApplication)
        endings(newApplication)
    }

private fun FunSpecRootScope.members(newApplication: () -> (() -> Broker)) {
    test("members are reported to the other nodes that watch the topic, and not to their own node") {
        withNodes(newApplication) { a, b ->
            a.watch("room")
            b.watch("room")

            a.join("room", "ann", """{"device":"phone"}""")
            b.join("room", "bob", "null")

            b.awaitMembers("room", """ann {"device":"phone"}""")
            a.awaitMembers("room", "bob null")
        }
    }

    test("watch returns after the present members were reported") {
        withNodes(newApplication) { a, b ->
            a.watch("room")
            a.join("room", "ann")
            b.watch("room")
            b.awaitMembers("room", "ann null")

            eventually(TIMEOUT) {
                // the members of a node that has just started may follow
                b.directory.unwatch("room")
                b.forget("room")
                b.watch("room")
                b.members("room") shouldContainExactlyInAnyOrder listOf("ann null")
            }
        }
    }

    test("sessions of one user on two nodes are two members with one key") {
        withNodes(newApplication) { a, b ->
            val c = node()
            for (node in listOf(a, b, c)) node.watch("room")

            a.join("room", "ann", "1")
            b.join("room", "ann", "1")

            c.awaitMembers("room", "ann 1", "ann 1")
        }
    }

    test("topics have members of their own, whatever characters their names contain") {
        withNodes(newApplication) { a, b ->
            val topics = listOf("room/1", "room/{1}", "room/1:", "räum\u4e2d *?[")
            for (topic in topics) {
                a.watch(topic)
                b.watch(topic)
            }

            for (topic in topics) a.join(topic, "of $topic")

            for (topic in topics) b.awaitMembers(topic, "of $topic null")
        }
    }

    test("concurrent joins and leaves of 2,000 members end with the same members on the other node") {
        withNodes(newApplication) { a, b ->
            b.watch("room")
            a.watch("room")

            withContext(Dispatchers.Default) {
                for (part in 0 until 8) {
                    launch {
                        repeat(250) { number ->
                            val member = a.join("room", "user-$part-$number")
                            if (number % 3 != 0) a.directory.leave("room", member, isConnectionLost = number % 2 == 0)
                        }
                    }
                }
            }

            val expected = (0 until 8).flatMap { part ->
                (0 until 250 step 3).map { "user-$part-$it null" }
            }
            b.awaitMembers("room", *expected.toTypedArray())
        }
    }
}

private fun FunSpecRootScope.endings(newApplication: () -> (() -> Broker)) {
    test("a member that unsubscribes leaves, and one with a lost connection is lost") {
        withNodes(newApplication) { a, b ->
            a.watch("room")
            b.watch("room")
            val ann = a.join("room", "ann")
            val bob = a.join("room", "bob")
            b.awaitMembers("room", "ann null", "bob null")

            a.directory.leave("room", ann, isConnectionLost = false)
            a.directory.leave("room", bob, isConnectionLost = true)

            b.awaitMembers("room")
            b.left("room") shouldContainExactlyInAnyOrder listOf("ann null")
            b.lost("room") shouldContainExactlyInAnyOrder listOf("bob null")
        }
    }

    test("leaving without having joined has no effect") {
        withNodes(newApplication) { a, b ->
            a.watch("room")
            b.watch("room")

            a.directory.leave("room", PresenceMember("nobody", "null"), isConnectionLost = false)
            a.join("room", "ann")

            b.awaitMembers("room", "ann null")
            b.left("room").shouldBeEmpty()
        }
    }

    test("the members of a node that has crashed are lost on the other nodes") {
        withNodes(newApplication) { a, b ->
            for (node in listOf(a, b)) {
                node.watch("room")
                node.watch("hall")
            }
            a.join("room", "ann")
            a.join("hall", "ann")
            b.awaitMembers("room", "ann null")
            b.awaitMembers("hall", "ann null")

            a.crash()

            b.awaitMembers("room")
            b.awaitMembers("hall")
            b.lost("room") shouldContainExactlyInAnyOrder listOf("ann null")
            b.lost("hall") shouldContainExactlyInAnyOrder listOf("ann null")
        }
    }

    test("a node that starts after another one has crashed ends without the members of that one") {
        withNodes(newApplication) { a, b ->
            a.watch("room")
            b.watch("room")
            a.join("room", "ann")
            b.join("room", "bob")
            b.awaitMembers("room", "ann null")
            a.crash()
            val c = node()

            c.watch("room")

            c.awaitMembers("room", "bob null")
        }
    }
}

private class Nodes(private val scope: CoroutineScope, private val newBroker: () -> Broker) {
    private val all = ArrayList<PresenceNode>()

    fun node(): PresenceNode = PresenceNode(newBroker(), scope).also { all += it }

    suspend fun end() {
        for (node in all) node.crash()
    }
}

/** A node, and the members of other nodes as reported to it. */
private class PresenceNode(broker: Broker, scope: CoroutineScope) : BrokerSink {
    val directory: PresenceDirectory = broker.presence.shouldNotBeNull()

    /** Guarded by this object, like the next two. By topic. */
    private val present = HashMap<String, ArrayList<PresenceMember>>()
    private val left = HashMap<String, ArrayList<PresenceMember>>()
    private val lost = HashMap<String, ArrayList<PresenceMember>>()
    private val running: Job = scope.launch(start = CoroutineStart.UNDISPATCHED) { broker.run(this@PresenceNode) }
    private val subscribe: suspend (String) -> Unit = { broker.subscribe(it, history = null) }

    override suspend fun deliver(publication: Publication, position: Position?) =
        error("publications of the presence are not delivered")

    override suspend fun interrupted(topic: String?) = Unit

    override suspend fun presence(topic: String, change: PresenceChange) {
        synchronized(this) {
            val members = present.getOrPut(topic) { ArrayList() }
            for (member in change.joins) members += member
            for (member in change.leaves + change.lost) {
                val index = members.indexOfFirst { it === member }
                check(index >= 0) { "a member has left without having joined" }
                members.removeAt(index)
            }
            left.getOrPut(topic) { ArrayList() } += change.leaves
            lost.getOrPut(topic) { ArrayList() } += change.lost
        }
    }

    suspend fun watch(topic: String) {
        subscribe(topic)
        directory.watch(topic)
    }

    fun join(topic: String, key: String, info: String = "null"): PresenceMember =
        PresenceMember(key, info).also { directory.join(topic, it) }

    fun members(topic: String): List<String> = texts(present, topic)

    fun left(topic: String): List<String> = texts(left, topic)

    fun lost(topic: String): List<String> = texts(lost, topic)

    /** Forgets the reports about [topic], as after the end of the topic. */
    fun forget(topic: String) {
        synchronized(this) { present -= topic }
    }

    suspend fun awaitMembers(topic: String, vararg expected: String): Unit =
        eventually(TIMEOUT) { members(topic).sorted() shouldBe expected.sorted() }

    /** Ends without a notice. */
    suspend fun crash(): Unit = running.cancelAndJoin()

    private fun texts(of: Map<String, List<PresenceMember>>, topic: String) =
        synchronized(this) { of[topic].orEmpty().map { "${it.key} ${it.info}" } }
}

private val TIMEOUT = 1.minutes

private suspend fun withNodes(
    newApplication: () -> (() -> Broker),
    test: suspend Nodes.(PresenceNode, PresenceNode) -> Unit,
): Unit =
    coroutineScope {
        val nodes = Nodes(this, newApplication())
        nodes.test(nodes.node(), nodes.node())
        nodes.end()
    }
