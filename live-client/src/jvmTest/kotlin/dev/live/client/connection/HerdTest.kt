package dev.live.client.connection

import dev.live.client.LiveClient
import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.Wire
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.GoodbyeData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import dev.live.test.FakeTransport
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.doubles.shouldBeLessThanOrEqual
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

/** Ten thousand clients, whose connections end in the same instant, in virtual time. `-Dlive.herd.plot=FILE` draws it. */
@OptIn(ExperimentalCoroutinesApi::class)
class HerdTest : FunSpec({

    val drawn = ArrayList<Pair<String, List<Int>>>()

    test("after a goodbye a herd comes back spread over the server's window") {
        val arrivals = herd { it.forEach { network -> network.goodbye(0..5_000) } }

        drawn += "the server restarts, with a goodbye and a window of 5 s" to arrivals.inBins
        arrivals.size shouldBe HERD
        arrivals.shouldBeSpread()
    }

    test("a herd whose connections broke is spread over the first window of the backoff") {
        val arrivals = herd { it.forEach { network -> network.cut() } }

        drawn += "all connections break, the server is there" to arrivals.inBins
        arrivals.size shouldBe HERD
        arrivals.shouldBeSpread()
    }

    test("a herd whose server is away for 10 s is back spread over the waits that it has grown to") {
        val arrivals = herd(awayFor = 10.seconds) { it.forEach { network -> network.cut() } }

        val back = arrivals.filter { it >= 10.seconds }
        drawn += "all connections break, the server is away for 10 s: those that it takes" to back.inBins
        back.size shouldBe HERD
        back.sorted().take(HERD * 9 / 10).shouldBeSpread() // the last have waits of up to 30 s before them
    }

    afterSpec { System.getProperty("live.herd.plot")?.let { File(it).writeText(herdPlot(drawn)) } }
})

private const val HERD = 10_000
private const val SEED = 5
private val BIN = 100.milliseconds

@OptIn(ExperimentalCoroutinesApi::class)
private fun herd(awayFor: Duration = Duration.ZERO, drop: (List<Timed>) -> Unit): List<Duration> {
    val arrivals = ArrayList<Duration>()
    val jitter = Random(SEED) // one for all: the first numbers of neighbouring seeds are neighbours
    runTest(timeout = 5.minutes) {
        var dropped: Duration? = null
        val networks =
            List(HERD) {
                Timed { network ->
                    val since = dropped?.let { testScheduler.currentTime.milliseconds - it } ?: return@Timed
                    arrivals += since
                    if (since < awayFor) network.refusals += IOException("connection refused")
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
        testScheduler.advanceTimeBy(STOOD_FOR) // a heartbeat was answered: the connections are proven
        dropped = currentTime.milliseconds
        drop(networks)
        testScheduler.advanceTimeBy(2.minutes)
        clients.forEach { it.close() }
    }
    return arrivals
}

private val STOOD_FOR = 30.seconds

/** The network of one client, which says when it is reached for. */
private class Timed(private val onConnect: (FakeTransport) -> Unit) : Transport {
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

/** How many there are in each bin. */
private val List<Duration>.inBins: List<Int>
    get() {
        val counts = groupingBy { (it / BIN).toInt() }.eachCount()
        return List(counts.keys.max() + 1) { counts[it] ?: 0 }
    }

/** No bin has more than three times the mean of those from the first arrival to the last. */
private fun List<Duration>.shouldBeSpread() {
    val bins = inBins.dropWhile { it == 0 }
    withClue("seed $SEED, arrivals per $BIN: $bins") {
        bins.max().toDouble() shouldBeLessThanOrEqual 3 * bins.average()
    }
}
