package dev.live.test

import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlin.random.Random
import kotlin.time.Duration

/**
 * One direction of a [FakeTransport]'s network: how long what is said that way takes. It may be changed at any time, for
 * what is said from then on.
 *
 * Nothing is lost out of the middle, as nothing is on TCP: what was said arrives in its order, or the connection ends before.
 */
public class FakeDirection internal constructor(seed: Int) {
    private val random = Random(seed)
    private val passes = MutableStateFlow(true)

    /** What everything takes at least, zero or more. Default zero. */
    public var latency: Duration = Duration.ZERO
        set(value) {
            require(!value.isNegative()) { "latency must not be negative, was $value" }
            field = value
        }

    /** What it takes beyond the [latency] at most, zero or more; how much is random for each message. Default zero. */
    public var jitter: Duration = Duration.ZERO
        set(value) {
            require(!value.isNegative()) { "jitter must not be negative, was $value" }
            field = value
        }

    /** Whether nothing passes. When this is false again, all that waited arrives at once, in its order. Default false. */
    public var isStalled: Boolean
        get() = !passes.value
        set(value) {
            passes.value = !value
        }

    /** Whether what is said of different topics may overtake each other. */
    internal var reordersTopics = false

    internal val isInstant: Boolean get() = latency == Duration.ZERO && jitter == Duration.ZERO && !isStalled

    internal fun timeOfNext(): Duration = latency + jitter * random.nextDouble()

    internal suspend fun awaitPassing() {
        passes.first { it }
    }

    /** Takes as long as a message would. */
    internal suspend fun pass() {
        if (isInstant) return
        delay(timeOfNext())
        awaitPassing()
    }
}
