package dev.live.server.session

import dev.live.server.support.TestTopics
import dev.live.server.support.sessionSettings
import dev.live.server.support.testSession
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

class SessionRegistryTest : FunSpec({

    test("a session is found by id and user until it is removed") {
        val registry = SessionRegistry()
        val (phone, laptop) = listOf(session("1", "ann"), session("2", "ann"))
        registry.add(phone, perUser = 2) shouldBe true
        registry.add(laptop, perUser = 2) shouldBe true

        registry.find("1") shouldBe phone
        registry.ofUser("ann") shouldContainExactlyInAnyOrder listOf(phone, laptop)
        registry.all shouldContainExactlyInAnyOrder listOf(phone, laptop)

        registry.remove(phone)
        registry.find("1").shouldBeNull()
        registry.ofUser("ann") shouldBe setOf(laptop)
        registry.remove(laptop)
        registry.ofUser("ann") shouldBe emptySet()
        registry.size shouldBe 0
    }

    test("the sessions of a user are limited until one is removed") {
        val registry = SessionRegistry()
        val first = session("1", "ann")
        registry.add(first, perUser = 1) shouldBe true

        registry.add(session("2", "ann"), perUser = 1) shouldBe false
        registry.find("2").shouldBeNull()
        registry.add(session("3", "bob"), perUser = 1) shouldBe true

        registry.remove(first)
        registry.add(session("4", "ann"), perUser = 1) shouldBe true
    }

    test("removing a rejected session keeps the user's other sessions") {
        val registry = SessionRegistry()
        val (first, rejected) = listOf(session("1", "ann"), session("2", "ann"))
        registry.add(first, perUser = 1)
        registry.add(rejected, perUser = 1)

        registry.remove(rejected)

        registry.ofUser("ann") shouldBe setOf(first)
        registry.find("1") shouldBe first
    }

    test("sessions without a user are not limited") {
        val registry = SessionRegistry()

        List(3) { registry.add(session("$it", user = null), perUser = 1) } shouldBe listOf(true, true, true)
    }

    test("concurrent adds never exceed the limit, and concurrent removes leave nothing") {
        val registry = SessionRegistry()
        val sessions = List(200) { session("$it", "ann") }

        val added = withContext(Dispatchers.Default) {
            sessions.map { async { registry.add(it, perUser = 7) } }.awaitAll()
        }

        added.count { it } shouldBe 7
        registry.size shouldBe 7
        registry.ofUser("ann").size shouldBe 7
        withContext(Dispatchers.Default) { sessions.map { async { registry.remove(it) } }.awaitAll() }
        registry.size shouldBe 0
        registry.ofUser("ann") shouldBe emptySet()
    }

    test("snapshots are safe while the last session is added and removed") {
        val registry = SessionRegistry()
        val session = session("1", "ann")
        withContext(Dispatchers.Default) {
            val churn = launch {
                repeat(200_000) {
                    registry.add(session, perUser = 1)
                    registry.remove(session)
                }
            }

            while (churn.isActive) {
                (registry.snapshot() - session).shouldBeEmpty()
                (registry.ofUser("ann") - session).shouldBeEmpty()
            }
        }
    }
})

private val scope = CoroutineScope(Dispatchers.Unconfined)
private val runtime = SessionRuntime(sessionSettings(), TestTopics(scope).registry, slot = 0) { 0 }

private fun session(id: String, user: String?) = testSession(runtime, scope, id, user)
