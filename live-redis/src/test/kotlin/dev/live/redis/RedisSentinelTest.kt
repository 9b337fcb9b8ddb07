package dev.live.redis

import dev.live.redis.support.BOUNDS
import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisSentinels
import dev.live.redis.support.TestNode
import dev.live.redis.support.awaitReason
import dev.live.redis.support.newNamespace
import dev.live.redis.support.texts
import dev.live.redis.support.withNodes
import dev.live.server.broker.BrokerState
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.async

/** A master that sentinels name, and replace. */
class RedisSentinelTest : FunSpec({

    test("publications during a failover wait for the promoted replica, and what was replicated is not lost") {
        RedisSentinels(failsFast = true).use { redis ->
            val namespace = newNamespace()
            val publisher = TestNode(redis.url, namespace)
            val subscriber = TestNode(redis.url, namespace)
            withNodes(publisher, subscriber) {
                val start = subscriber.broker.subscribe("t", BOUNDS).shouldNotBeNull()
                repeat(5) { publisher.publish("t", "$it") }
                eventually(HANG_TIMEOUT) {
                    redis.replica.command("XLEN", "live:$namespace:{t:t}:stream") shouldBe 5L
                }

                redis.master.kill()
                val delayed = async { publisher.publish("t", "delayed").shouldNotBeNull() }

                subscriber.nextInterruption() shouldBe TestNode.ALL
                delayed.await().offset shouldBe 6
                val read = subscriber.history("t", start)
                read.isComplete shouldBe true
                read.texts() shouldContainExactly listOf("0", "1", "2", "3", "4", "delayed")
                eventually(HANG_TIMEOUT) { subscriber.broker.status.state shouldBe BrokerState.Connected }
            }
        }
    }

    test("a node follows a failover while the old master still answers") {
        RedisSentinels().use { redis ->
            val namespace = newNamespace()
            val node = TestNode(redis.url, namespace)
            withNodes(node) {
                node.broker.subscribe("t", BOUNDS)
                node.publish("t", "before")

                redis.sentinels[0].command("SENTINEL", "FAILOVER", "main") shouldBe "OK"

                node.nextInterruption() shouldBe TestNode.ALL
                eventually(HANG_TIMEOUT) { node.publish("t", "after") }
                eventually(HANG_TIMEOUT) {
                    redis.replica.command("PUBSUB", "NUMSUB", "live:$namespace:0/t") shouldBe
                        listOf("live:$namespace:0/t", 1L)
                }
            }
        }
    }

    test("one of the sentinels is enough") {
        RedisSentinels().use { redis ->
            val node = TestNode(redis.url, newNamespace())
            for (sentinel in redis.sentinels.drop(1)) sentinel.kill()
            withNodes(node) { node.publish("t", "x").shouldNotBeNull().offset shouldBe 1 }
        }
    }

    test("an unknown name, sentinels that do not run, and a sentinel with the scheme of a single server") {
        RedisSentinels().use { redis ->
            awaitReason(redis.url.replace("#main", "#other"), "has no master with the name 'other'")
            awaitReason("redis://127.0.0.1:${redis.sentinels[0].port}", "is a sentinel. Use the scheme redis-sentinel")
        }
        awaitReason("redis-sentinel://127.0.0.1:1,127.0.0.1:2#main", "does not accept connections")
    }
})
