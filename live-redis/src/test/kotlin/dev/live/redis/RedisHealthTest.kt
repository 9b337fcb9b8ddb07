package dev.live.redis

import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TcpProxy
import dev.live.redis.support.TestNode
import dev.live.redis.support.newNamespace
import dev.live.redis.support.withNodes
import dev.live.server.Live
import dev.live.server.LiveHealth
import dev.live.server.LiveServer
import dev.live.server.broker.BrokerState
import dev.live.server.live
import dev.live.server.liveHealth
import dev.live.test.testLive
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.comparables.shouldBeGreaterThan
import io.kotest.matchers.comparables.shouldBeGreaterThanOrEqualTo
import io.kotest.matchers.ints.shouldBeGreaterThanOrEqual
import io.kotest.matchers.longs.shouldBeGreaterThanOrEqual
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.async
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** The state of a node whose Redis is stopped, paused, cut off and started again. */
class RedisHealthTest : FunSpec({

    test("a node is starting until it reaches Redis, away while Redis is stopped, and ready afterwards") {
        RedisServer().use { redis ->
            redis.kill()
            withHealth(redis.url) {
                health shouldBe LiveHealth.Starting

                redis.start()
                eventually(HANG_TIMEOUT) { health shouldBe LiveHealth.Ready }
                eventually(HANG_TIMEOUT) { stats.lag.shouldNotBeNull() shouldBeGreaterThan Duration.ZERO }

                redis.kill()
                eventually(HANG_TIMEOUT) { health.shouldBeInstanceOf<LiveHealth.BrokerAway>() }
                eventually(HANG_TIMEOUT) {
                    (health as LiveHealth.BrokerAway).duration shouldBeGreaterThan 300.milliseconds
                }

                redis.start()
                eventually(HANG_TIMEOUT) { health shouldBe LiveHealth.Ready }
                stats.broker.shouldNotBeNull().reconnects shouldBe 2
            }
        }
    }

    test("a Redis that does not answer is away, although its connections stay open") {
        RedisServer().use { redis ->
            withHealth(redis.url) {
                eventually(HANG_TIMEOUT) { health shouldBe LiveHealth.Ready }

                redis.pause()
                eventually(HANG_TIMEOUT) { health.shouldBeInstanceOf<LiveHealth.BrokerAway>() }

                redis.resume()
                eventually(HANG_TIMEOUT) { health shouldBe LiveHealth.Ready }
            }
        }
    }

    test("connections that are lost before their first probe do not restart the time for which Redis is away") {
        RedisServer().use { redis ->
            TcpProxy(redis.port).use { proxy ->
                val node = TestNode(proxy.url, newNamespace()) { probeInterval = 1.hours }
                val created = TimeSource.Monotonic.markNow()
                withNodes(node) {
                    repeat(3) {
                        eventually(HANG_TIMEOUT) { node.broker.status.state shouldBe BrokerState.Connected }
                        proxy.cut()
                        eventually(HANG_TIMEOUT) { node.broker.status.state shouldBe BrokerState.Away }

                        val elapsed = created.elapsedNow()
                        node.broker.status.away shouldBeGreaterThanOrEqualTo elapsed
                        proxy.restore()
                    }
                }
            }
        }
    }

    test("publications that wait for Redis are in the outbox, and each lost connection is a reconnect") {
        RedisServer().use { redis ->
            TcpProxy(redis.port).use { proxy ->
                val node = TestNode(proxy.url, newNamespace())
                node.broker.status.state shouldBe BrokerState.Connecting
                withNodes(node) {
                    eventually(HANG_TIMEOUT) { node.broker.status.state shouldBe BrokerState.Connected }
                    node.broker.status.reconnects shouldBe 0

                    proxy.cut()
                    eventually(HANG_TIMEOUT) { node.broker.status.state shouldBe BrokerState.Away }
                    val waiting = List(3) { async { node.publish("t", "$it") } }
                    eventually(HANG_TIMEOUT) { node.broker.status.outbox shouldBeGreaterThanOrEqual 3 }
                    proxy.restore()
                    waiting.forEach { it.await().shouldNotBeNull() }

                    eventually(HANG_TIMEOUT) { node.broker.status.state shouldBe BrokerState.Connected }
                    node.broker.status.outbox shouldBe 0
                    node.broker.status.reconnects shouldBeGreaterThanOrEqual 2
                }
            }
        }
    }
})

private suspend fun withHealth(url: String, test: suspend LiveServer.() -> Unit) {
    testLive({
        install(Live) {
            broker(
                RedisBroker(url) {
                    namespace = newNamespace()
                    timeout = 1.seconds
                    probeInterval = 200.milliseconds
                    probeTimeout = 1.seconds
                    maxReconnectDelay = 200.milliseconds
                },
            )
        }
        routing { liveHealth("/health") }
    }) {
        live.test()
    }
}
