package dev.live.redis

import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.Member
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TcpProxy
import dev.live.redis.support.newNamespace
import dev.live.redis.support.presenceServer
import dev.live.test.LiveTest
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationStopPreparing
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.withContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The presence of whole servers that share a Redis, as their clients receive it. */
class LivePresenceTest : FunSpec({
    val redis = RedisServer()

    afterSpec { redis.close() }

    test("members on two nodes see each other, and one user on two nodes is one key with two devices") {
        val namespace = newNamespace()
        presenceServer(redis.url, namespace) {
            val a = this
            presenceServer(redis.url, namespace) {
                coroutineScope {
                    val ann = a.member(this, "ann", "phone")
                    val bob = member(this, "bob", "laptop")
                    ann.awaitPresence("ann" to listOf("phone"), "bob" to listOf("laptop"))
                    val tablet = member(this, "ann", "tablet")

                    for (one in listOf(ann, bob, tablet)) {
                        one.awaitPresence("ann" to listOf("phone", "tablet"), "bob" to listOf("laptop"))
                    }
                    a.live.topic("room").presence.value.keys shouldBe setOf("ann", "bob")

                    tablet.leave()
                    bob.leave()

                    ann.awaitPresence("ann" to listOf("phone"))
                    ann.leave()
                }
                eventually(HANG_TIMEOUT) { redis.presenceKeys(namespace).shouldBeEmpty() }
            }
        }
    }

    test("a member that subscribes again with other parameters has the new info on the other node") {
        val namespace = newNamespace()
        presenceServer(redis.url, namespace, grace = 1.minutes) {
            val a = this
            presenceServer(redis.url, namespace, grace = 1.minutes) {
                coroutineScope {
                    val ann = a.member(this, "ann", "phone")
                    val client = connect { linger = Duration.ZERO }
                    val before = Member(this, client, "bob", "laptop")
                    ann.awaitPresence("ann" to listOf("phone"), "bob" to listOf("laptop"))

                    before.leave()
                    val after = Member(this, client, "bob", "tablet")

                    ann.awaitPresence("ann" to listOf("phone"), "bob" to listOf("tablet"))
                    after.leave()
                    ann.leave()
                }
            }
        }
    }

    test("a member that moves to another node within the grace period is never reported as left") {
        val namespace = newNamespace()
        presenceServer(redis.url, namespace, GRACE) {
            val a = this
            presenceServer(redis.url, namespace, GRACE) {
                coroutineScope {
                    val ann = a.member(this, "ann", "phone")
                    val client = connect { linger = Duration.ZERO }
                    val before = Member(this, client, "bob", "laptop")
                    ann.awaitPresence("ann" to listOf("phone"), "bob" to listOf("laptop"))

                    client.close()
                    eventually(HANG_TIMEOUT) { redis.presenceKeys(namespace).size shouldBe 1 }
                    val after = a.member(this, "bob", "laptop")
                    val eve = a.member(this, "eve", "desk")

                    ann.awaitPresence("ann" to listOf("phone"), "bob" to listOf("laptop"), "eve" to listOf("desk"))
                    ann.statesSince("bob").filter { "bob" !in it }.shouldBeEmpty()
                    for (one in listOf(ann, before, after, eve)) one.leave()
                }
            }
        }
    }

    test("the members of a node that is drained remain if they connect to another node") {
        val namespace = newNamespace()
        presenceServer(redis.url, namespace, GRACE) {
            val a = this
            coroutineScope {
                val ann = a.member(this, "ann", "phone")
                presenceServer(redis.url, namespace, GRACE) {
                    coroutineScope {
                        val bob = member(this, "bob", "laptop")
                        ann.awaitPresence("ann" to listOf("phone"), "bob" to listOf("laptop"))

                        withContext(Dispatchers.IO) { application.drain() }

                        bob.leave()
                    }
                }
                val after = a.member(this, "bob", "laptop")
                val eve = a.member(this, "eve", "desk")

                ann.awaitPresence("ann" to listOf("phone"), "bob" to listOf("laptop"), "eve" to listOf("desk"))
                ann.statesSince("bob").filter { "bob" !in it }.shouldBeEmpty()
                for (one in listOf(ann, after, eve)) one.leave()
            }
        }
    }

    test("the members of a node that is killed without a notice leave on the other node") {
        val namespace = newNamespace()
        TcpProxy(redis.port).use { proxy ->
            presenceServer(redis.url, namespace) {
                val a = this
                coroutineScope {
                    val ann = a.member(this, "ann", "phone")
                    presenceServer(proxy.url, namespace) {
                        coroutineScope {
                            val bob = member(this, "bob", "laptop")
                            ann.awaitPresence("ann" to listOf("phone"), "bob" to listOf("laptop"))

                            proxy.cut() // nothing of this node reaches Redis any more
                            bob.leave()
                        }
                    }

                    ann.awaitPresence("ann" to listOf("phone"))
                    ann.leave()
                }
            }
        }
    }

    test("a node that is cut off from Redis loses its members elsewhere, keeps its own view, and returns") {
        val namespace = newNamespace()
        TcpProxy(redis.port).use { proxy ->
            presenceServer(redis.url, namespace) {
                val a = this
                presenceServer(proxy.url, namespace) {
                    coroutineScope {
                        val ann = a.member(this, "ann", "phone")
                        val bob = member(this, "bob", "laptop")
                        val both = arrayOf("ann" to listOf("phone"), "bob" to listOf("laptop"))
                        for (one in listOf(ann, bob)) one.awaitPresence(*both)

                        proxy.cut()
                        ann.awaitPresence("ann" to listOf("phone"))
                        bob.awaitPresence(*both)
                        val cid = a.member(this, "cid", "desk")
                        proxy.restore()

                        for (one in listOf(ann, bob, cid)) one.awaitPresence(*both, "cid" to listOf("desk"))
                        for (one in listOf(ann, bob, cid)) one.leave()
                    }
                }
            }
        }
    }

    for (fault in FAULTS) {
        test("after ${fault.name} all nodes have all members, nobody was reported as left, and changes arrive") {
            val namespace = newNamespace()
            RedisServer().use { own ->
                presenceServer(own.url, namespace, GRACE) {
                    val a = this
                    presenceServer(own.url, namespace, GRACE) {
                        val b = this
                        coroutineScope {
                            val ann = a.member(this, "ann", "phone")
                            val bob = b.member(this, "bob", "laptop")
                            val both = arrayOf("ann" to listOf("phone"), "bob" to listOf("laptop"))
                            for (one in listOf(ann, bob)) one.awaitPresence(*both)
                            val before = own.presenceKeys(namespace)

                            fault.cause(own)
                            val cid = b.member(this, "cid", "desk")

                            for (one in listOf(ann, bob, cid)) one.awaitPresence(*both, "cid" to listOf("desk"))
                            eventually(HANG_TIMEOUT) { own.presenceKeys(namespace) shouldContainExactly before }
                            ann.statesSince("bob").filter { "bob" !in it }.shouldBeEmpty()
                            bob.statesSince("ann").filter { "ann" !in it }.shouldBeEmpty()
                            eventually(HANG_TIMEOUT) { own.storedMembers(namespace) shouldBe 3 }
                            for (one in listOf(ann, bob, cid)) one.leave()
                        }
                    }
                }
            }
        }
    }
})

private val GRACE: Duration = 10.seconds

private class Fault(val name: String, val cause: (RedisServer) -> Unit)

private val FAULTS =
    listOf(
        Fault("FLUSHALL") { it.command("FLUSHALL") },
        Fault("a restart of Redis without persistence") {
            it.kill()
            it.start()
        },
        Fault("the end of all connections") {
            it.command("CLIENT", "KILL", "TYPE", "pubsub")
            it.command("CLIENT", "KILL", "TYPE", "normal")
        },
        Fault("an older state of the members in Redis") { redis ->
            for (key in redis.keys().filter { ":presence:" in it }) redis.command("HSET", key, "version", "0")
        },
        Fault("the deletion of the members in Redis") { redis ->
            for (key in redis.keys().filter { ":presence:" in it }) redis.command("DEL", key)
        },
    )

private fun RedisServer.presenceKeys(namespace: String): List<String> =
    keys().filter { it.startsWith("live:$namespace:{t:room}:presence:") }.sorted()

/** Number of members that Redis stores; each node stores a version with them. */
private fun RedisServer.storedMembers(namespace: String): Long =
    presenceKeys(namespace).sumOf { command("HLEN", it) as Long - 1 }

/** As at the end of the process. Blocks until the sessions have ended. */
private fun Application.drain() = monitor.raise(ApplicationStopPreparing, environment)

private suspend fun LiveTest.member(scope: CoroutineScope, user: String, device: String): Member =
    Member(scope, connect { linger = Duration.ZERO }, user, device)
