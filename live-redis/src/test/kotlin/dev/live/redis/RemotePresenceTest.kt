package dev.live.redis

import dev.live.server.broker.PresenceChange
import dev.live.server.broker.PresenceMember
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import kotlin.time.Duration.Companion.seconds

class RemotePresenceTest : FunSpec({

    test("changes in a row are applied, and repeated ones are not") {
        val copies = RemotePresence().apply { watch("t") }

        copies.apply(AT, joins(0, 1, 1L to "ann")).shouldNotBeNull().joins.keys() shouldContainExactly listOf("ann")
        copies.apply(AT, joins(1, 2, 2L to "bob")).shouldNotBeNull().joins.keys() shouldContainExactly listOf("bob")
        copies.apply(AT, joins(0, 1, 1L to "ann")).shouldNotBeNull().isNone() shouldBe true
        val left = copies.apply(AT, leaves(2, 3, 1L to false, 2L to true)).shouldNotBeNull()

        left.leaves.keys() shouldContainExactly listOf("ann")
        left.lost.keys() shouldContainExactly listOf("bob")
    }

    test("after a missing change the members are read, and only the difference is reported") {
        val copies = RemotePresence().apply { watch("t") }
        copies.apply(AT, joins(0, 1, 1L to "ann", 2L to "bob"))

        copies.apply(AT, joins(2, 3, 4L to "dan")).shouldBeNull()
        val change = copies.read(AT, StoredMembers(3, members(2L to "bob", 3L to "cid", 4L to "dan")))

        change.joins.keys() shouldContainExactly listOf("cid", "dan")
        change.lost.keys() shouldContainExactly listOf("ann")
        copies.apply(AT, joins(3, 4, 5L to "eve")).shouldNotBeNull().joins.keys() shouldContainExactly listOf("eve")
    }

    test("an older state of Redis changes nothing") {
        val copies = RemotePresence().apply { watch("t") }
        copies.apply(AT, joins(0, 5, 1L to "ann"))

        copies.read(AT, StoredMembers(4, members(2L to "bob"))).isNone() shouldBe true
    }

    test("a member that was read together with an older version joins once") {
        val copies = RemotePresence().apply { watch("t") }
        copies.read(AT, StoredMembers(1, members(1L to "ann", 2L to "bob")))

        copies.apply(AT, joins(1, 2, 2L to "bob", 3L to "cid")).shouldNotBeNull().joins.keys() shouldContainExactly
            listOf("cid")
    }

    test("members that Redis does not store are read again, and lost after three rounds") {
        val copies = RemotePresence().apply { watch("t") }
        copies.apply(AT, joins(0, 1, 1L to "ann"))

        copies.read(AT, stored = null).isNone() shouldBe true
        val lost = ArrayList<String>()
        val rounds = List(4) { copies.round(setOf("a")) { _, change -> lost += change.lost.keys() } }

        rounds.map { it.size } shouldContainExactly listOf(1, 1, 0, 0)
        lost shouldContainExactly listOf("ann")
    }

    test("members that are stored again in time remain") {
        val copies = RemotePresence().apply { watch("t") }
        copies.apply(AT, joins(0, 1, 1L to "ann"))
        copies.read(AT, stored = null)
        copies.round(setOf("a")) { _, _ -> }

        copies.read(AT, StoredMembers(2, members(1L to "ann"))).isNone() shouldBe true

        val lost = ArrayList<PresenceChange>()
        repeat(5) { copies.round(setOf("a")) { _, change -> lost += change } }
        lost.shouldBeEmpty()
    }

    test("members of a node that never had a heartbeat are lost after three rounds") {
        val copies = RemotePresence().apply { watch("t") }
        copies.apply(AT, joins(0, 1, 1L to "ann"))

        val lost = ArrayList<String>()
        repeat(4) { copies.round(alive = emptySet()) { _, change -> lost += change.lost.keys() } }

        lost shouldContainExactly listOf("ann")
    }

    test("a crashed node loses its members on all topics, and is read as a whole if it continues") {
        val copies = RemotePresence().apply {
            watch("t")
            watch("u")
        }
        copies.apply(AT, joins(0, 1, 1L to "ann"))
        copies.apply(NodeTopic("u", "a"), joins(0, 2, 2L to "ann"))

        val lost = copies.lost("a", 2.seconds)

        lost.map { it.first }.sorted() shouldContainExactly listOf("t", "u")
        lost.map { it.second.lostFor }.toSet() shouldBe setOf(2.seconds)
        copies.apply(AT, joins(1, 3, 3L to "bob")).shouldBeNull()
    }

    test("a topic that is not watched is ignored") {
        val copies = RemotePresence()

        copies.apply(AT, joins(0, 1, 1L to "ann")).shouldNotBeNull().isNone() shouldBe true
        copies.read(AT, StoredMembers(1, members(1L to "ann"))).isNone() shouldBe true
    }
})

private val AT = NodeTopic("t", "a")

private fun members(vararg members: Pair<Long, String>) = members.associate { (id, key) -> id to member(key) }

private fun member(key: String) = PresenceMember(key, "null")

private fun joins(previous: Long, version: Long, vararg members: Pair<Long, String>) =
    PresenceMessage(previous, version, joins = members(*members))

private fun leaves(previous: Long, version: Long, vararg ids: Pair<Long, Boolean>) =
    PresenceMessage(previous, version, leaves = ids.toMap())

private fun List<PresenceMember>.keys() = map { it.key }

private fun PresenceChange.isNone() = (joins + leaves + lost).isEmpty()
