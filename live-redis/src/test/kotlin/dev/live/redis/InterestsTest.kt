package dev.live.redis

import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TestNode
import dev.live.redis.support.newNamespace
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.milliseconds

class InterestsTest : FunSpec({

    test("without a connection, a topic that is no longer used is removed at once") {
        val interests = Broker("redis://localhost").interests

        for (topic in listOf("a", "b")) interests.add(topic, history = null)
        interests.remove("a")
        interests.remove("unknown")

        interests.size shouldBe 1
    }

    test("a connection that has lost a channel is replaced, and its channels are subscribed to again") {
        RedisServer().use { redis ->
            val broker = Broker(redis.url)
            val sink = TestNode(redis.url, newNamespace())
            coroutineScope {
                val running = launch {
                    launch { broker.connections.run() }
                    launch { broker.interests.run(sink) }
                }
                for (topic in listOf("kept", "lost")) broker.interests.add(topic, history = null)
                val before = broker.interests.awaitSubscribed("lost")

                before.async().unsubscribe(broker.keys.channel("lost")).await()

                sink.nextInterruption() shouldBe TestNode.ALL
                eventually(HANG_TIMEOUT) { (broker.interests.awaitSubscribed("lost") === before) shouldBe false }
                redis.command("PUBSUB", "NUMSUB", "live:n:0/lost") shouldBe listOf("live:n:0/lost", 1L)
                running.cancelAndJoin()
            }
        }
    }
})

/** The parts of a broker that subscribe. */
private class Broker(url: String) {
    private val settings =
        RedisBrokerConfig()
            .apply {
                namespace = "n"
                probeInterval = 50.milliseconds
            }.build(url)
    val keys = RedisKeys("n", database = 0)
    private val events = ChannelEvents(Inbox(settings, keys)) { interests }
    val connections: RedisConnections = RedisConnections(settings, keys, events)
    val interests: Interests = Interests(connections.servers, keys, settings)
}
