package dev.live.client.connection

import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRefusedException
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
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.launch
import java.io.IOException
import kotlin.random.Random
import kotlin.reflect.KClass
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Random networks, servers and users against the rules: never two connections, never an attempt sooner than its rule,
 * always a next step, and in the end the server has joined what is collected.
 */
class ConnectionModelTest : FunSpec({

    val seen = mutableSetOf<KClass<*>>()

    for (seeds in (1..SCRIPTS).chunked(SCRIPTS / 4)) {
        test("${seeds.size * STEPS} steps keep the rules, seeds ${seeds.first()} to ${seeds.last()}") {
            for (seed in seeds) withClue("seed $seed") { Model(Random(seed), seen).run() }
        }
    }

    test("the scripts have come to every state but the last, and by every way") {
        seen shouldContainAll
            listOf(
                ConnectionState.Connecting::class,
                ConnectionState.Connected::class,
                ConnectionState.Waiting::class,
                ConnectionState.Paused::class,
                DisconnectCause.Broken::class,
                DisconnectCause.ClosedByServer::class,
                DisconnectCause.UpgradeRefused::class,
                DisconnectCause.Unreachable::class,
                DisconnectCause.Silent::class,
            )
    }
})

private const val SCRIPTS = 200
private const val STEPS = 200

private class Model(private val random: Random, private val seen: MutableSet<KClass<*>>) {
    private val network = MutableStateFlow<Network>(Network.Available("0"))
    private val foreground = MutableStateFlow(true)
    private val fake = FakeTransport()
    private val collectors = HashMap<String, MutableList<Job>>()
    private lateinit var test: ClientFixture

    /** What the last end asks the client to wait for, by the rules as the protocol has them. */
    private var earliest = Duration.ZERO
    private var lastAttempt = Duration.ZERO
    private var wrong: String? = null
    private val story = StringBuilder()

    fun run() =
        clientTest({
            transport = Timed()
            reconnect = ReconnectPolicy { attempt -> policy(attempt) }
            networkMonitor = NetworkMonitor { network }
            lifecycle = AppLifecycle { foreground }
            backgroundGrace = 3.seconds
        }, fake) {
            test = this
            settle() // the monitor has said its first word
            repeat(STEPS) {
                step()
                settle()
                withClue(story.takeLast(900).toString()) { check() }
            }
            network.value = Network.Available("last")
            foreground.value = true
            fake.isUnreachable = false
            fake.refusals.clear()
            fake.connections.lastOrNull()?.isStalled = false
            pass(100.seconds)

            fake.joined shouldBe collectors.filterValues { it.isNotEmpty() }.keys
            collectors.values.flatten().forEach { it.cancel() }
            settle()
            fake.joined shouldBe emptySet()
        }

    private fun policy(attempt: Int): Duration = minOf(200.milliseconds * (1 shl minOf(attempt, 10)), 30.seconds)

    private fun ClientFixture.step() {
        val choice = random.nextInt(24)
        story.append("\n$now ${client.state.value}: $choice ${network.value} ${foreground.value}")
        when (choice) {
            0 -> endedBy(Duration.ZERO) { it.cut(oneOf(CloseCode.Abnormal, CloseCode.GoingAway, CloseCode.Internal)) }
            1 -> endedBy(5.seconds) { it.cut(CloseCode.TryAgainLater) }
            2 -> goodbye()
            3 -> fake.refusals += IOException("no route to host")
            4 -> fake.refusals += UpgradeRefusedException(503, "full", random.nextInt(20).seconds)
            5 -> fake.refusals += UpgradeRefusedException(404, "no such page")
            6 -> fake.isUnreachable = !fake.isUnreachable
            7 -> fake.connections.lastOrNull()?.isStalled = true
            8 -> network.value = Network.None
            9, 10 -> network.value = Network.Available("${random.nextInt(3)}")
            11 -> foreground.value = false
            12, 13 -> foreground.value = true
            14 -> client.probe()
            15, 16, 17 -> collect(oneOf("a", "b", "c"))
            18, 19 -> collectors[oneOf("a", "b", "c")]?.removeLastOrNull()?.cancel()
            20 -> pass(random.nextInt(100).seconds)
            else -> pass(random.nextInt(3_000).milliseconds)
        }
    }

    private fun endedBy(atLeast: Duration, end: (dev.live.test.FakeWire) -> Unit) {
        val wire = fake.connections.lastOrNull()?.takeIf { it.isOpen } ?: return
        earliest = test.now + atLeast
        end(wire)
    }

    private fun goodbye() {
        val min = random.nextLong(10_000)
        if (fake.connections.lastOrNull()?.isStalled == true) return // it would not hear it
        endedBy(min.milliseconds) { wire ->
            val data = GoodbyeData(CloseCode.Restart.wire, "deploy", listOf(min, min + random.nextLong(5_000)))
            wire.push(Message(MessageType.GOODBYE, body = Body.of(data)))
            wire.cut(CloseCode.Restart)
        }
    }

    private fun ClientFixture.collect(topic: String) {
        collectors.getOrPut(topic) { mutableListOf() } +=
            scope.launch { client.topic<Chat>(topic).messages.collect { } }
    }

    private fun ClientFixture.check() {
        wrong shouldBe null
        fake.mostOpenAtOnce shouldBeLessThanOrEqual 1
        val state = client.state.value
        seen += state::class
        when (state) {
            // or it would have come to something, but for the second behind an attempt that a network's change has ended
            is ConnectionState.Connecting -> (fake.isUnreachable || now - lastAttempt < 1.seconds) shouldBe true
            is ConnectionState.Connected -> fake.wire.isOpen shouldBe true
            is ConnectionState.Waiting -> {
                seen += state.cause::class
                (state.until.elapsedNow() < Duration.ZERO) shouldBe true
                (state.delay <= 60.seconds) shouldBe true
            }
            is ConnectionState.Paused ->
                when (state.why) {
                    PauseReason.NoNetwork -> network.value shouldBe Network.None
                    PauseReason.Background -> foreground.value shouldBe false
                }
            is ConnectionState.Closed -> error("nothing of the script ends a client, but ${state.cause}")
        }
    }

    private fun <T> oneOf(vararg of: T): T = of[random.nextInt(of.size)]

    /** Knows when there was an attempt, and whether there may have been one. */
    private inner class Timed : Transport {
        override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
            val now = test.now
            lastAttempt = now
            // noted and not thrown: the client would take it for a failure of the network
            if (now < earliest) wrong = wrong ?: "an attempt at $now and not at $earliest"
            if (network.value == Network.None) wrong = wrong ?: "an attempt without a network at $now"
            try {
                return fake.connect(request, use)
            } catch (e: UpgradeRefusedException) {
                earliest = now + (e.retryAfter ?: Duration.ZERO)
                throw e
            }
        }

        override fun close() = fake.close()
    }
}
