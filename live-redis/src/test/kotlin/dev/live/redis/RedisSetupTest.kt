package dev.live.redis

import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TestNode
import dev.live.redis.support.awaitReason
import dev.live.redis.support.newNamespace
import dev.live.redis.support.withNodes
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.longs.shouldBeGreaterThan
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain
import io.lettuce.core.RedisClient
import io.lettuce.core.codec.ByteArrayCodec
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import java.io.IOException
import java.net.ServerSocket
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.milliseconds

/** A Redis that cannot be used: publishers receive one sentence with the way out, and the broker tries again. */
class RedisSetupTest : FunSpec({

    test("no server at the address") {
        awaitReason(
            "redis://127.0.0.1:1",
            "Redis at 127.0.0.1:1 does not accept connections. Is it running, and is the port right?",
        )
    }

    test("an unknown host") {
        awaitReason("redis://redis.invalid", "The host of Redis at redis.invalid:6379 is unknown.")
    }

    test("a server that accepts connections and does not answer") {
        ServerSocket(0).use { awaitReason("redis://127.0.0.1:${it.localPort}", "does not answer") }
    }

    test("a server that resets every connection, as some do that require TLS") {
        ServerSocket(0).use { server ->
            thread(isDaemon = true) {
                runCatching {
                    while (true) {
                        val socket = server.accept()
                        socket.setSoLinger(true, 0)
                        socket.close()
                    }
                }
            }
            awaitReason("redis://127.0.0.1:${server.localPort}", "its port may require TLS")
        }
    }

    test("a missing and a wrong password") {
        RedisServer(isPersistent = false, "--requirepass", "right").use { redis ->
            awaitReason(redis.url, "requires a password")
            val reason = awaitReason("redis://:wrong-one@127.0.0.1:${redis.port}", "rejects the user name or password")
            reason shouldNotContain "wrong-one"
        }
    }

    test("a user without the permission for the channels or the keys, and one with the advised permissions") {
        RedisServer().use { redis ->
            val namespace = newNamespace()
            redis.command("ACL", "SETUSER", "keys", "on", ">pw", "~live:*", "+@all")
            redis.command("ACL", "SETUSER", "channels", "on", ">pw", "&live:*", "+@all")
            redis.command(
                *"ACL SETUSER both on >pw ~live:* &live:* +@all -@dangerous +info".split(' ').toTypedArray(),
            )

            awaitReason("redis://keys:pw@127.0.0.1:${redis.port}", "denies a permission (NOPERM")
            awaitReason(
                "redis://channels:pw@127.0.0.1:${redis.port}",
                "The user needs the keys ~live:* and the channels &live:*",
            )
            val node = TestNode("redis://both:pw@127.0.0.1:${redis.port}", namespace)
            withNodes(node) {
                node.broker.subscribe("t", history = null)
                node.publish("t", "works")!!.offset shouldBe 1
            }
        }
    }

    test("a replica") {
        RedisServer().use { master ->
            RedisServer(isPersistent = false, "--replicaof", "127.0.0.1 ${master.port}").use { replica ->
                awaitReason(replica.url, "is a replica. Use the address of its master: 127.0.0.1:${master.port}.")
            }
        }
    }

    test("a server that accepts connections and then fails is tried with growing delays") {
        RedisServer().use { redis ->
            val config = RedisBrokerConfig().apply { namespace = newNamespace() }
            config.probeInterval = 1.milliseconds
            config.maxReconnectDelay = 50.milliseconds
            val settings = config.build(redis.url)
            val client = RedisClient.create(settings.uri)
            val link = RedisLink<Commands>("command", settings, setUp = {}) { throw IOException("failed") }
            coroutineScope {
                val running = launch { link.run { client.connectAsync(ByteArrayCodec.INSTANCE, settings.uri) } }

                eventually(HANG_TIMEOUT) { link.attempts shouldBeGreaterThan 3 }

                link.connects shouldBeGreaterThan 3L
                running.cancelAndJoin()
            }
            client.shutdown()
        }
    }

    test("every maxmemory-policy that removes keys is a warning if a maximum is set") {
        for (policy in listOf("allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl", "volatile-random")) {
            ServerCheck.policyWarning("1000000", policy).shouldNotBeNull() shouldContain
                "has the maxmemory-policy $policy"
            ServerCheck.policyWarning("0", policy).shouldBeNull()
        }
        ServerCheck.policyWarning("1000000", "noeviction").shouldBeNull()
    }

    test("versions from 6.2 on are supported") {
        for (version in listOf("6.2.0", "6.10.1", "7.0.15", "8.0", "255.255.255", "unknown")) {
            ServerCheck.isSupported(version) shouldBe true
        }
        for (version in listOf("6.0.16", "5.0.14", "2.8")) ServerCheck.isSupported(version) shouldBe false
    }
})
