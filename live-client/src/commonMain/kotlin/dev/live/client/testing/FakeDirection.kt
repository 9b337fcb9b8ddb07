package dev.live.client.testing

import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlin.random.Random
import kotlin.time.Duration

/**
 * One direction of a [FakeTransport]'s network, with its delays. A change applies to messages sent after it.
 *
 * As with TCP, messages arrive in order and none is lost, unless the connection ends first.
 */
public class FakeDirection internal constructor(seed: Int) {
    private val random = Random(seed)
    private val isFlowing = MutableStateFlow(true)

    /** Minimum delay of each message, zero or more. Default zero. */
    public var latency: Duration = Duration.ZERO
        set(value) {
            require(!value.isNegative()) { "latency must not be negative, was $value" }
            field = value
        }

    /** Maximum additional delay, zero or more. It is random for each message. Default zero. */
    public var jitter: Duration = Duration.ZERO
        set(value) {
            require(!value.isNegative()) { "jitter must not be negative, was $value" }
            field = value
        }

    /**
     * Whether the direction is blocked. Waiting messages arrive at once, in order, when it is unblocked. Default false.
     */
    public var isStalled: Boolean
        get() = !isFlowing.value
        set(value) {
            isFlowing.value = !value
        }

    /** Whether messages of different topics may arrive out of order. */
    internal var reordersTopics = false

    internal val isInstant: Boolean get() = latency == Duration.ZERO && jitter == Duration.ZERO && !isStalled

    internal fun nextDelay(): Duration = latency + jitter * random.nextDouble()

    internal suspend fun awaitFlowing() {
        isFlowing.first { it }
    }

    /** Suspends for the delay of one message. */
    internal suspend fun pass() {
        if (isInstant) return
        delay(nextDelay())
        awaitFlowing()
    }
}
