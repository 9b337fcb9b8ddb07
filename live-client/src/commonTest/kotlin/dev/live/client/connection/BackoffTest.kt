package dev.live.client.connection

import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Backoff arithmetic, which must also be correct on platforms where every number is a double. */
class BackoffTest {
    @Test
    fun `delays grow up to the maximum and never overflow`() {
        val backoff = ExponentialBackoff(250.milliseconds, 30.seconds, growth = 2.0, random = MaxRandom)

        val delays = listOf(0, 1, 2, 6, 7, 40, Int.MAX_VALUE - 1).map { backoff.delayBefore(it) }

        assertEquals(
            listOf(250.milliseconds, 500.milliseconds, 1.seconds, 16.seconds) + List(3) { 30.seconds },
            delays,
        )
    }

    @Test
    fun `delays are spread over the whole window`() {
        val backoff = ExponentialBackoff(1.seconds, 1.seconds, random = Random(7))

        val delays = List(1_000) { assertNotNull(backoff.delayBefore(0)) }

        assertTrue(delays.all { it in 0.seconds..1.seconds })
        assertTrue((0 until 10).all { tenth -> delays.count { (it.inWholeMilliseconds / 100).toInt() == tenth } > 50 })
    }

    @Test
    fun `there is no delay after the last attempt`() {
        val backoff = ExponentialBackoff(maxAttempts = 2)

        assertNotNull(backoff.delayBefore(1))
        assertNull(backoff.delayBefore(2))
    }
}

private object MaxRandom : Random() {
    override fun nextBits(bitCount: Int): Int = error("unreachable: only nextDouble is called")

    override fun nextDouble(): Double = 1.0
}
