package dev.live.redis.chaos

import kotlinx.coroutines.delay
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds

/** A failure of a part of the cluster, which ends after a random time. */
internal enum class Fault(val inject: suspend Cluster.(Random) -> Unit) {
    NodeKilled({ random ->
        val node = nodes.random(random)
        node.kill(balancer)
        delay(random.nextInt(100, 1_000).milliseconds)
        restart(node)
    }),
    NodeDrained({ random ->
        val node = nodes.random(random)
        node.drain()
        restart(node)
    }),
    RedisStopped({ random ->
        redis.pause()
        delay(random.nextInt(100, 2_500).milliseconds)
        redis.resume()
    }),
    RedisKilled({ random ->
        redis.kill()
        delay(random.nextInt(0, 1_000).milliseconds)
        redis.start()
    }),
    StoppedRedisKilled({ random ->
        redis.pause()
        delay(random.nextInt(100, 1_500).milliseconds)
        redis.kill()
        redis.start()
    }),
    LinkCut({ random ->
        val link = nodes.random(random).link
        link.cut()
        delay(random.nextInt(50, 1_500).milliseconds)
        link.restore()
    }),
    ConnectionsClosed({ random -> nodes.random(random).link.closeAll() }),
    LinkHalfOpen({ random ->
        val link = nodes.random(random).link
        link.isStalled = true
        delay(random.nextInt(100, 2_500).milliseconds)
        link.restore()
    }),
    RepliesLost({ random ->
        val link = nodes.random(random).link
        link.dropsReplies = true
        delay(random.nextInt(20, 300).milliseconds)
        link.restore()
        if (random.nextBoolean()) link.closeAll()
    }),
    SubscriptionsKilled({ redis.command("CLIENT", "KILL", "TYPE", "pubsub") }),
    CommandsKilled({ redis.command("CLIENT", "KILL", "TYPE", "normal") }),
    ;

    /** Whether all data of a Redis without persistence is lost. */
    val losesData: Boolean get() = this == RedisKilled || this == StoppedRedisKilled
}
