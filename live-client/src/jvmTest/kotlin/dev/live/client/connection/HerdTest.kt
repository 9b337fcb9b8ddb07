package dev.live.client.connection

import dev.live.client.LiveClient
import dev.live.client.testing.FakeTransport
import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.Wire
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.GoodbyeData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.comparables.shouldBeGreaterThanOrEqualTo
import io.kotest.matchers.comparables.shouldBeLessThanOrEqualTo
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import java.io.File
import java.io.IOException
import kotlin.coroutines.ContinuationInterceptor
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * Ten thousand clients lose their connections at the same instant, in virtual time. `-Dlive.herd.plot=FILE` writes a
 * chart.
 */
@OptIn(ExperimentalCoroutinesApi::class)
class HerdTest : FunSpec({

    val drawn = ArrayList<Pair<String, List<Int>>>()

    test("after a goodbye the reconnects are spread over the server's window") {
        val arrivals = herd(observedFor = 20.seconds) { it.forEach { network -> network.goodbye(0..5_000) } }

        drawn += "the server restarts, with a goodbye and a window of 5 s" to arrivals.inBins
        arrivals.shouldFill(5.seconds, by = BIN)
    }

    test("after connection losses the reconnects are spread over the first window of the backoff") {
        val arrivals = herd(observedFor = 10.seconds) { it.forEach { network -> network.cut() } }

        drawn += "all connections break, the server is there" to arrivals.inBins
        arrivals.shouldFill(250.milliseconds, by = 25.milliseconds)
    }

    test("after a 10 s outage all clients reconnect within 20 s, no second with more than 3 times the mean over 8 s") {
        val arrivals = herd(observedFor = 1.minutes, outage = 10.seconds) { it.forEach { network -> network.cut() } }

        val back = arrivals.filter { it >= 10.seconds }
        drawn += "all connections break, the server is away for 10 s: those that it takes" to back.inBins
        back.max() shouldBeLessThanOrEqualTo 30.seconds
        // after 10 s most clients have a delay of up to 7 s, some of up to 5 s or 9 s: the first second has the most
        back.map { it - 10.seconds }.shouldBeSpread(over = 8.seconds, by = 1.seconds)
    }

    test("after a 10 s outage half of the clients are back within 2.2 s, like clients that retry every 5 s at most") {
        val arrivals = herd(observedFor = 30.seconds, outage = 10.seconds) { it.forEach { network -> network.cut() } }

        arrivals.count { it in 10.seconds..12.2.seconds } shouldBeGreaterThanOrEqualTo HERD / 2
    }

    afterSpec { System.getProperty("live.herd.plot")?.let { File(it).writeText(herdPlot(drawn)) } }
})

private const val HERD = 10_000
private const val SEED = 5
private val BIN = 100.milliseconds

@OptIn(ExperimentalCoroutinesApi::class)
private fun herd(
    observedFor: Duration,
    outage: Duration = Duration.ZERO,
    drop: (List<TimedTransport>) -> Unit,
): List<Duration> {
    val arrivals = ArrayList<Duration>()
    val jitter = Random(SEED) // shared: adjacent seeds have similar first numbers
    runTest(timeout = 5.minutes) {
        var dropped: Duration? = null
        val networks =
            List(HERD) {
                TimedTransport { network ->
                    val since = dropped?.let { testScheduler.currentTime.milliseconds - it } ?: return@TimedTransport
                    arrivals += since
                    if (since < outage) network.connectFailures += IOException("connection refused")
                }
            }
        val clients =
            networks.map { network ->
                LiveClient("ws://test/live") {
                    transport = network
                    context = coroutineContext[ContinuationInterceptor]!!
                    timeSource = testTimeSource
                    reconnect = ExponentialBackoff(random = jitter)
                    random = jitter
                }
            }
        testScheduler.advanceTimeBy(STABLE_AFTER) // after a heartbeat the connections count as stable
        dropped = currentTime.milliseconds
        drop(networks)
        testScheduler.advanceTimeBy(observedFor)
        clients.forEach { it.close() }
    }
    return arrivals
}

private val STABLE_AFTER = 30.seconds

/** The network of one client. It reports each connect attempt. */
private class TimedTransport(private val onConnect: (FakeTransport) -> Unit) : Transport {
    private val fake = FakeTransport()

    fun cut(): Unit = fake.wire.cut()

    fun goodbye(window: IntRange) {
        val bounds = listOf(window.first.toLong(), window.last.toLong())
        val data = GoodbyeData(CloseCode.Restart.wire, "deploy", bounds)
        fake.wire.push(Message(MessageType.GOODBYE, body = Body.of(data)))
        fake.wire.cut(CloseCode.Restart)
    }

    override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
        onConnect(fake)
        return fake.connect(request, use)
    }

    override fun close(): Unit = fake.close()
}

/** The number of arrivals per bin. */
private val List<Duration>.inBins: List<Int>
    get() {
        val counts = groupingBy { (it / BIN).toInt() }.eachCount()
        return List(counts.keys.max() + 1) { counts[it] ?: 0 }
    }

/** Checks that all arrive within [window], that each bin has arrivals, and that none has too many. */
private fun List<Duration>.shouldFill(window: Duration, by: Duration) {
    max() shouldBeLessThanOrEqualTo window
    // the millisecond clock can round up to the end of the window; this belongs to the last bin
    val within = map { it.coerceAtMost(window - 1.milliseconds) }
    within.map { (it / by).toInt() }.toSet() shouldBe (0 until (window / by).toInt()).toSet()
    within.shouldBeSpread(window, by)
}

/** Checks that all have arrived, and that no bin has more than three times the mean of the bins of [over]. */
private fun List<Duration>.shouldBeSpread(over: Duration, by: Duration) {
    size shouldBe HERD
    val bins = groupingBy { (it / by).toInt() }.eachCount().toSortedMap()
    withClue("seed $SEED, arrivals per $by: $bins") {
        bins.values.max().toDouble() shouldBeLessThanOrEqualTo 3 * size / (over / by)
    }
}
