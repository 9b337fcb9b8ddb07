package dev.live.redis.support

import java.util.concurrent.TimeUnit

/**
 * A master named `main`, a replica, and three sentinels that replace one by the other.
 *
 * @param failsFast whether a master without an answer is replaced soon, which a busy machine may cause as well
 */
class RedisSentinels(failsFast: Boolean = false) : AutoCloseable {
    private val servers = ArrayList<RedisServer>()
    val master: RedisServer = RedisServer(isPersistent = false, *FAST).also { servers += it }
    val replica: RedisServer =
        RedisServer(isPersistent = false, *FAST, "--replicaof", "127.0.0.1 ${master.port}").also { servers += it }
    val sentinels: List<RedisServer>
    val url: String get() = "redis-sentinel://" + sentinels.joinToString(",") { "127.0.0.1:${it.port}" } + "#main"

    init {
        await { "state=online" in master.command("INFO", "replication").toString() }
        val configuration =
            """
            sentinel monitor main 127.0.0.1 ${master.port} 2
            sentinel down-after-milliseconds main ${if (failsFast) 2_000 else 30_000}
            sentinel failover-timeout main 5000
            """.trimIndent()
        sentinels = List(3) { RedisServer(sentinel = configuration).also { servers += it } }
        await {
            sentinels.all { sentinel ->
                val reply = sentinel.command("SENTINEL", "MASTER", "main") as List<*>
                val fields = reply.chunked(2).associate { it[0].toString() to it[1].toString() }
                fields["num-other-sentinels"] == "2" && fields["num-slaves"] == "1"
            }
        }
    }

    override fun close(): Unit = servers.forEach { it.close() }

    private companion object {
        val FAST = arrayOf("--repl-diskless-sync-delay", "0")

        fun await(condition: () -> Boolean) {
            val deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1)
            while (!condition()) {
                check(System.nanoTime() < deadline) { "the sentinels are not ready" }
                Thread.sleep(20)
            }
        }
    }
}
