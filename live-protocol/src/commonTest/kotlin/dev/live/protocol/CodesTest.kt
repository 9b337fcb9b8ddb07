package dev.live.protocol

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.time.Duration.Companion.seconds

class CodesTest {
    @Test
    fun `the error codes match the protocol`() {
        assertEquals(
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
            ),
            ErrorCode.All.map { it.wire },
        )
    }

    @Test
    fun `only transient errors are worth a retry`() {
        assertEquals(
            setOf(ErrorCode.RateLimited, ErrorCode.Internal, ErrorCode.Timeout),
            ErrorCode.All.filter { it.isWorthRetrying }.toSet(),
        )
    }

    @Test
    fun `an unknown error code keeps its text and is not worth a retry`() {
        assertEquals(ErrorCode.Forbidden, ErrorCode.of("forbidden"))
        assertEquals("on_fire", ErrorCode.of("on_fire").wire)
        assertEquals(false, ErrorCode.of("on_fire").isWorthRetrying)
    }

    @Test
    fun `the close codes and their reconnect rules match the protocol`() {
        assertEquals(
            mapOf(
                1000 to "Never",
                1001 to "Backoff(minDelay=0s)",
                1002 to "Backoff(minDelay=0s, maxInARow=5)",
                1006 to "Backoff(minDelay=0s)", // never on the wire: the connection was lost
                1007 to "Backoff(minDelay=0s, maxInARow=5)",
                1008 to "Backoff(minDelay=0s, maxInARow=5)",
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
            ),
            CloseCode.All.associate { it.wire to it.reconnect.toString() },
        )
    }

    @Test
    fun `a client waits at least five seconds after TryAgainLater`() {
        assertEquals(5.seconds, assertIs<ReconnectRule.Backoff>(CloseCode.TryAgainLater.reconnect).minDelay)
    }

    @Test
    fun `an unknown close code reconnects with backoff`() {
        assertEquals(CloseCode.Restart, CloseCode.of(1012))
        assertEquals(4999, CloseCode.of(4999).wire)
        assertIs<ReconnectRule.Backoff>(CloseCode.of(4999).reconnect)
    }
}
