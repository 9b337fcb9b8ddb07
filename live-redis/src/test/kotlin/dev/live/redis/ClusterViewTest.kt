package dev.live.redis

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.lettuce.core.RedisCommandExecutionException
import io.lettuce.core.RedisException
import java.util.concurrent.CompletionException

/** The answers of a cluster's nodes. */
class ClusterViewTest : FunSpec({

    test("owners and servers are read from CLUSTER SLOTS, and a server without a host has that of the answering node") {
        val reply =
            listOf(
                listOf(0L, 99L, node("a", 1), node("b", 2)),
                listOf(100L, 16_383L, listOf(null, 3L, "id".toByteArray()), node("?", 4), node("", 5)),
            )

        val view = ClusterView.parse(epoch = 7, reply, HostPort("asked", 6379))

        view.epoch shouldBe 7
        view.owners[99] shouldBe HostPort("a", 1)
        view.owners[100] shouldBe HostPort("asked", 3)
        view.servers shouldBe
            setOf(HostPort("a", 1), HostPort("b", 2)) + listOf(3, 4, 5).map { HostPort("asked", it) }
    }

    test("slots without an owner are unknown") {
        val view = ClusterView.parse(epoch = 1, listOf(listOf(1L, 2L, node("a", 1))), HostPort("a", 1))

        view.owners.take(4) shouldBe listOf(null, HostPort("a", 1), HostPort("a", 1), null)
    }

    test("redirections are recognized below other failures, also those with an IPv6 address or without a host") {
        redirection(reply("MOVED 42 10.0.0.1:7000")) shouldBe Redirection.Moved(42, HostPort("10.0.0.1", 7000))
        redirection(CompletionException(reply("MOVED 42 ::1:7000"))) shouldBe
            Redirection.Moved(42, HostPort("::1", 7000))
        redirection(reply("MOVED 42 :7000")) shouldBe Redirection.Moved(42, HostPort("", 7000))
        redirection(reply("ASK 42 redis.internal:7000")) shouldBe Redirection.Ask(HostPort("redis.internal", 7000))
        redirection(reply("TRYAGAIN Multiple keys request during rehashing of slot")) shouldBe Redirection.Later
        redirection(reply("CLUSTERDOWN Hash slot not served")) shouldBe Redirection.Later
    }

    test("other failures are no redirections") {
        for (text in listOf("MOVED", "MOVED x y", "ASK 1", "ERR MOVED 1 a:1", "")) {
            redirection(reply(text)).shouldBeNull()
        }
        redirection(RedisException("MOVED 42 10.0.0.1:7000")).shouldBeNull()
    }
})

private fun reply(text: String) = RedisCommandExecutionException(text)

private fun node(host: String, port: Long) = listOf(host.toByteArray(), port, "id".toByteArray())
