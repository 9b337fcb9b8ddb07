package dev.live.protocol

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.Duration.Companion.seconds

class CodesTest : FunSpec({

    test("the error codes are those of the protocol") {
        ErrorCode.All.map { it.wire } shouldContainExactly
            listOf(
                "bad_message",
                "unknown_type",
                "unknown_topic",
                "forbidden",
                "not_subscribed",
                "too_large",
                "rate_limited",
                "too_many_topics",
                "bad_payload",
                "internal",
                "timeout",
            )
    }

    test("only what may pass by itself is worth a retry") {
        ErrorCode.All.filter { it.isWorthRetrying } shouldContainExactlyInAnyOrder
            listOf(ErrorCode.RateLimited, ErrorCode.Internal, ErrorCode.Timeout)
    }

    test("an error code of a later version is kept, and not worth a retry") {
        ErrorCode.of("forbidden") shouldBe ErrorCode.Forbidden
        ErrorCode.of("on_fire").wire shouldBe "on_fire"
        ErrorCode.of("on_fire").isWorthRetrying shouldBe false
    }

    test("the close codes and what a client does after them are those of the protocol") {
        CloseCode.All.associate { it.wire to it.reconnect.toString() } shouldBe
            mapOf(
                1000 to "Never",
                1001 to "Backoff(minDelay=0s)",
                1006 to "Backoff(minDelay=0s)", // never on the wire: the connection broke
                1009 to "Backoff(minDelay=0s)",
                1011 to "Backoff(minDelay=0s)",
                1012 to "GoodbyeWindow",
                1013 to "Backoff(minDelay=5s)",
                4400 to "Never",
                4401 to "FreshToken",
                4403 to "Never",
                4408 to "Backoff(minDelay=0s)",
                4429 to "Backoff(minDelay=0s)",
                4508 to "Backoff(minDelay=0s)",
            )
    }

    test("after too many connections a client waits five seconds at least") {
        CloseCode.TryAgainLater.reconnect.shouldBeInstanceOf<ReconnectRule.Backoff>().minDelay shouldBe 5.seconds
    }

    test("a close code of a later version reconnects with backoff") {
        CloseCode.of(1012) shouldBe CloseCode.Restart
        CloseCode.of(4999).wire shouldBe 4999
        CloseCode.of(4999).reconnect.shouldBeInstanceOf<ReconnectRule.Backoff>()
    }
})
