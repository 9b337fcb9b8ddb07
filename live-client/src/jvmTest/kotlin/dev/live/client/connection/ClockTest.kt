package dev.live.client.connection

import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.testing.FakeNetworkMonitor
import dev.live.client.waiting
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.AbstractLongTimeSource
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlin.time.TimeSource

/**
 * Clocks that jump. The default `TimeSource.Monotonic` does not follow the device's clock, but an application can set
 * another time source.
 */
class ClockTest : FunSpec({

    for ((direction, jump) in listOf("backwards" to (-1).hours, "forwards" to 1.hours)) {
        test("a clock jump $direction does not close a responsive connection") {
            withClock { clock ->
                pass(10.seconds)
                clock.offset += jump
                pass(10.minutes)

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                (transport.connections.size in 1..2) shouldBe true
            }
        }

        test("a dead connection is detected despite a clock jump $direction") {
            withClock { clock ->
                pass(10.seconds)
                transport.wire.isHalfOpen = true
                clock.offset += jump
                pass(2.minutes)

                transport.connections shouldHaveSize 2
            }
        }

        test("a clock jump $direction does not extend a reconnect delay") {
            withClock { clock ->
                pass(10.seconds)
                transport.wire.cut()
                pass(1.seconds)
                waiting()
                clock.offset += jump
                pass(19.seconds)

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            }
        }
    }

    test("a clock jump backwards does not extend a reconnect delay that a network change interrupts") {
        val monitor = FakeNetworkMonitor()
        withClock(monitor) { clock ->
            transport.wire.cut()
            pass(1.seconds)
            monitor.network = Network.None
            pass(1.seconds)
            clock.offset -= 1.hours
            monitor.network = Network.Available("wifi")
            pass(20.seconds)

            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("a stopped clock does not stop the pings of a connection") {
        withClock { clock ->
            clock.isStopped = true
            pass(10.minutes)

            transport.wire.sent(MessageType.PING).isEmpty() shouldBe false
            transport.wire.push(Message("news"))
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }
})

private fun withClock(monitor: FakeNetworkMonitor? = null, block: suspend ClientFixture.(Clock) -> Unit) {
    lateinit var clock: Clock
    clientTest({
        clock = Clock(timeSource)
        timeSource = clock
        networkMonitor = monitor
        reconnect = ReconnectPolicy { 20.seconds }
    }) {
        settle()
        block(clock)
    }
}

/** The time of [real] plus [offset]. */
private class Clock(real: TimeSource) : AbstractLongTimeSource(DurationUnit.MILLISECONDS) {
    private val begin = real.markNow()
    private var stoppedAt: Duration? = null
    var offset = Duration.ZERO

    var isStopped: Boolean
        get() = stoppedAt != null
        set(value) {
            stoppedAt = if (value) begin.elapsedNow() else null
        }

    override fun read(): Long = ((stoppedAt ?: begin.elapsedNow()) + offset).inWholeMilliseconds
}
