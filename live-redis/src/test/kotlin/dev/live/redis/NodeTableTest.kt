package dev.live.redis

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class NodeTableTest : FunSpec({

    test("another node appears once, and is alive while its heartbeat changes") {
        val table = NodeTable("own")

        table.update(mapOf("own" to "1", "a" to "1")).appeared shouldBe setOf("a")
        repeat(5) {
            val changes = table.update(mapOf("own" to "2", "a" to "${it + 2}"))
            changes.appeared shouldBe emptySet()
            changes.lost shouldBe emptySet()
        }

        table.alive shouldBe setOf("a")
    }

    test("a node is lost after two rounds without a new heartbeat, and is stale while Redis stores it") {
        val table = NodeTable("own")
        table.update(mapOf("a" to "1"))

        table.update(mapOf("a" to "1")).lost shouldBe emptySet()
        val changes = table.update(mapOf("a" to "1"))

        changes.lost shouldBe setOf("a")
        changes.stale shouldBe setOf("a")
        table.alive shouldBe emptySet()
        table.update(mapOf("a" to "1")).run { appeared + lost } shouldBe emptySet()
        table.update(emptyMap()).stale shouldBe emptySet()
    }

    test("all nodes survive a round in which Redis has lost its data") {
        val table = NodeTable("own")
        table.update(mapOf("own" to "1", "a" to "1", "b" to "1"))

        table.update(mapOf("own" to "2")).lost shouldBe emptySet()
        val changes = table.update(mapOf("own" to "3", "a" to "2", "b" to "2"))

        changes.lost shouldBe emptySet()
        changes.appeared shouldBe emptySet()
        table.alive shouldBe setOf("a", "b")
    }

    test("a lost node that continues appears again") {
        val table = NodeTable("own")
        repeat(3) { table.update(mapOf("a" to "1")) }

        table.update(mapOf("a" to "2")).appeared shouldBe setOf("a")

        table.alive shouldBe setOf("a")
    }
})
