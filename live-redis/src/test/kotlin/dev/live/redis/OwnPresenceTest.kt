package dev.live.redis

import dev.live.server.broker.PresenceMember
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe

class OwnPresenceTest : FunSpec({

    test("changes that wait are taken as one, and a topic has one change at a time") {
        val own = OwnPresence()
        own.join("t", member("ann"))
        own.join("t", member("bob"))

        val first = own.take().shouldNotBeNull()
        own.join("t", member("cid"))

        first.joins.values.map { it.key } shouldContainExactly listOf("ann", "bob")
        own.take().shouldBeNull()
        own.done(first, isStored = true)
        val second = own.take().shouldNotBeNull()
        second.joins.values.map { it.key } shouldContainExactly listOf("cid")
        second.previous shouldBe first.version
    }

    test("a member that leaves before it was taken leaves no trace") {
        val own = OwnPresence()
        val ann = member("ann")

        own.join("t", ann)
        own.leave("t", ann, isConnectionLost = false)

        own.take().shouldBeNull()
    }

    test("a member that leaves while it is being stored leaves with the next change") {
        val own = OwnPresence()
        val ann = member("ann")
        own.join("t", ann)
        val first = own.take().shouldNotBeNull()

        own.leave("t", ann, isConnectionLost = true)
        own.done(first, isStored = true)

        val second = own.take().shouldNotBeNull()
        second.leaves shouldBe mapOf(first.joins.keys.single() to true)
        second.isEmpty shouldBe true
    }

    test("after a failure all members are stored, with a higher version") {
        val own = OwnPresence()
        own.join("t", member("ann"))
        own.done(own.take().shouldNotBeNull(), isStored = true)
        own.join("t", member("bob"))
        val failed = own.take().shouldNotBeNull()
        own.failed(failed)
        own.take().shouldBeNull()

        own.retry()

        val again = own.take().shouldNotBeNull()
        again.isRewrite shouldBe true
        (again.version > failed.version) shouldBe true
        again.joins.values.map { it.key } shouldContainExactlyInAnyOrder listOf("ann", "bob")
    }

    test("only a change of stored members depends on them, and all members follow at once if Redis has others") {
        val own = OwnPresence()
        own.join("t", member("ann"))
        val first = own.take().shouldNotBeNull()
        first.replaces shouldBe true
        own.done(first, isStored = true)
        own.join("t", member("bob"))
        val second = own.take().shouldNotBeNull()
        second.replaces shouldBe false

        own.outdated(second)

        val all = own.take().shouldNotBeNull()
        all.replaces shouldBe true
        all.isRewrite shouldBe true
        all.joins.values.map { it.key } shouldContainExactlyInAnyOrder listOf("ann", "bob")
    }

    test("a version that is missing in Redis is stored again, unless it has changed since") {
        val own = OwnPresence()
        own.join("t", member("ann"))
        own.done(own.take().shouldNotBeNull(), isStored = true)
        val (topic, version) = own.stored().single()

        own.missing(topic, version - 1)
        own.retry()
        own.take().shouldBeNull()
        own.missing(topic, version)
        own.retry()

        own.take().shouldNotBeNull().isRewrite shouldBe true
    }

    test("more than 200 joins are taken in several changes") {
        val own = OwnPresence()
        repeat(450) { own.join("t", member("user-$it")) }

        val sizes = List(3) { own.take().shouldNotBeNull().also { own.done(it, isStored = true) }.joins.size }

        sizes shouldContainExactly listOf(200, 200, 50)
    }

    test("a topic is forgotten when it is not watched and its last leave was stored") {
        val own = OwnPresence()
        val ann = member("ann")
        own.join("t", ann)
        own.done(own.take().shouldNotBeNull(), isStored = true)
        own.leave("t", ann, isConnectionLost = false)

        own.unwatch("t")
        own.done(own.take().shouldNotBeNull(), isStored = true)

        own.stored().shouldBeEmpty()
        own.join("t", ann)
        own.take().shouldNotBeNull().previous shouldBe 0
    }
})

private fun member(key: String) = PresenceMember(key, "null")
