package dev.live.client.connection

import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.testing.FakeTransport
import dev.live.client.testing.FakeWire
import dev.live.client.topic.ClientClosedException
import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRejectedException
import dev.live.client.transport.Wire
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.GoodbyeData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.of
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.ints.shouldBeGreaterThan
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
 * Tests the client's connection rules with random networks, servers and users:
 * - There are never two connections at once.
 * - An attempt is never earlier than its rule allows, or, after a hint, than one second after the previous attempt.
 * - There is always a next step until the policy gives up.
 * - At the end, the server's subscriptions match the collectors.
 */
class ConnectionModelTest : FunSpec({

    val seen = mutableSetOf<KClass<*>>()

    for (seeds in (1..SCRIPTS).chunked(SCRIPTS / 4)) {
        test("${seeds.size * STEPS} steps follow the rules, seeds ${seeds.first()} to ${seeds.last()}") {
            for (seed in seeds) withClue("seed $seed") { Model(Random(seed), seen).run() }
        }
    }

    test("a client is closed when its policy gives up") {
        var ends = 0
        for (seed in 1..SCRIPTS / 4) {
            withClue("seed $seed") {
                val model = Model(Random(seed), mutableSetOf(), maxAttempts = 3)
                model.run()
                if (model.hasGivenUp) ends++
            }
        }

        ends shouldBeGreaterThan SCRIPTS / 8
    }

    test("the scripts have reached every state except Closed, with every cause") {
        seen shouldContainAll
            listOf(
                ConnectionState.Connecting::class,
                ConnectionState.Connected::class,
                ConnectionState.Waiting::class,
                ConnectionState.Paused::class,
                DisconnectCause.ConnectionLost::class,
                DisconnectCause.ClosedByServer::class,
                DisconnectCause.UpgradeRejected::class,
                DisconnectCause.Unreachable::class,
                DisconnectCause.HeartbeatTimeout::class,
            )
    }
})

private const val SCRIPTS = 200
private const val STEPS = 200

private class Model(
    private val random: Random,
    private val seen: MutableSet<KClass<*>>,
    private val maxAttempts: Int = Int.MAX_VALUE,
) {
    private val network = MutableStateFlow<Network>(Network.Available("0"))
    private val foreground = MutableStateFlow(true)
    private val fake = FakeTransport()
    private val collectors = HashMap<String, MutableList<Job>>()
    private lateinit var test: ClientFixture

    /** The rule for the next attempt. */
    private val rule = AttemptRule()
    private var lastAttempt = Duration.ZERO
    private var violation: String? = null
    private var tokens = 0
    private val log = StringBuilder()

    fun run() =
        clientTest({
            transport = RecordingTransport()
            reconnect = ReconnectPolicy { attempt -> policy(attempt).also { rule.policyDelay(it, test.now) } }
            bearer { "token-${++tokens}" }
            networkMonitor = NetworkMonitor { network }
            lifecycle = AppLifecycle { foreground }
            backgroundGrace = 3.seconds
        }, fake) {
            test = this
            settle() // the monitor has emitted its first value
            repeat(STEPS) {
                step()
                settle()
                withClue(log.takeLast(900).toString()) { check() }
            }
            if (hasGivenUp) return@clientTest
            networkIs(Network.Available("last"))
            foregroundIs(true)
            fake.isUnreachable = false
            fake.connectFailures.clear()
            fake.connections.lastOrNull()?.isStalled = false
            pass(100.seconds)

            fake.subscribedTopics shouldBe collectors.filterValues { it.isNotEmpty() }.keys
            collectors.values.flatten().forEach { it.cancel() }
            pass(1.seconds) // after a close with 4429 the client unsubscribes one by one
            fake.subscribedTopics shouldBe emptySet()
        }

    val hasGivenUp: Boolean get() = rule.isOver

    private fun policy(attempt: Int): Duration? =
        if (attempt >= maxAttempts) null else minOf(200.milliseconds * (1 shl minOf(attempt, 10)), 30.seconds)

    private fun ClientFixture.step() {
        val choice = random.nextInt(24)
        log.append("\n$now ${client.state.value}: $choice ${network.value} ${foreground.value}")
        when (choice) {
            0 -> ended { it.cut(CODES[random.nextInt(CODES.size)]) }
            1 -> ended {
                rule.serverRequestsDelay(5.seconds, now)
                it.cut(CloseCode.TryAgainLater)
            }
            2 -> goodbye()
            3 -> fake.connectFailures += IOException("no route to host")
            4 -> fake.connectFailures += UpgradeRejectedException(503, "full", random.nextInt(20).seconds)
            5 -> fake.connectFailures += UpgradeRejectedException(404, "no such page")
            6 -> fake.isUnreachable = !fake.isUnreachable
            7 -> fake.connections.lastOrNull()?.isStalled = true
            8 -> networkIs(Network.None)
            9, 10 -> networkIs(Network.Available("${random.nextInt(3)}"))
            11 -> foregroundIs(false)
            12, 13 -> foregroundIs(true)
            14 -> {
                rule.isHinted = true
                client.probe()
            }
            15, 16, 17 -> collect(oneOf("a", "b", "c"))
            18, 19 -> collectors[oneOf("a", "b", "c")]?.removeLastOrNull()?.cancel()
            20 -> pass(random.nextInt(100).seconds)
            else -> pass(random.nextInt(3_000).milliseconds)
        }
    }

    private fun networkIs(value: Network) {
        if (network.value != value) rule.isHinted = true
        network.value = value
    }

    private fun foregroundIs(value: Boolean) {
        if (value && !foreground.value) rule.isHinted = true
        foreground.value = value
    }

    private fun ended(end: (FakeWire) -> Unit) {
        fake.connections.lastOrNull()?.takeIf { it.isOpen }?.let(end)
    }

    private fun ClientFixture.goodbye() {
        val min = random.nextLong(10_000)
        if (fake.connections.lastOrNull()?.isStalled == true) return // the client would not receive it
        ended { wire ->
            rule.serverSetsWindow(min.milliseconds, now)
            val data = GoodbyeData(CloseCode.Restart.wire, "deploy", listOf(min, min + random.nextLong(5_000)))
            wire.push(Message(MessageType.GOODBYE, body = Body.of(data)))
            wire.cut(CloseCode.Restart)
        }
    }

    private fun ClientFixture.collect(topic: String) {
        collectors.getOrPut(topic) { mutableListOf() } +=
            scope.launch {
                try {
                    client.topic<Chat>(topic).messages.collect { }
                } catch (e: ClientClosedException) {
                    if (!hasGivenUp) throw e
                }
            }
    }

    private fun ClientFixture.check() {
        violation shouldBe null
        fake.mostOpenAtOnce shouldBeLessThanOrEqual 1
        val state = client.state.value
        (state is ConnectionState.Closed) shouldBe hasGivenUp
        seen += state::class
        when (state) {
            // otherwise it is connected, except in the second after an attempt that a network change ended
            is ConnectionState.Connecting -> (fake.isUnreachable || now - lastAttempt < 1.seconds) shouldBe true
            is ConnectionState.Connected -> fake.wire.isOpen shouldBe true
            is ConnectionState.Waiting -> {
                seen += state.cause::class
                (state.until.elapsedNow() < Duration.ZERO) shouldBe true
                (state.delay <= 60.seconds) shouldBe true
            }
            is ConnectionState.Paused ->
                when (state.cause) {
                    PauseReason.NoNetwork -> network.value shouldBe Network.None
                    PauseReason.Background -> foreground.value shouldBe false
                }
            is ConnectionState.Closed -> Unit
        }
    }

    private fun <T> oneOf(vararg of: T): T = of[random.nextInt(of.size)]

    /** Records each attempt and checks whether it was allowed. */
    private inner class RecordingTransport : Transport {
        override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
            val now = test.now
            lastAttempt = now
            // recorded instead of thrown: the client would handle an exception as a network failure
            violation = violation ?: rule.violationAt(now)
            if (network.value == Network.None) violation = violation ?: "attempt at $now without a network"
            rule.attemptBegins(now)
            var wasOpen = false
            try {
                return fake.connect(request) { wire ->
                    wasOpen = true
                    use(wire)
                }
            } catch (e: UpgradeRejectedException) {
                rule.serverRequestsDelay(e.retryAfter ?: Duration.ZERO, now = test.now)
                throw e
            } finally {
                if (wasOpen) rule.isHinted = false // the hint has led to a probe of the connection
            }
        }

        override fun close() = fake.close()
    }

    private companion object {
        /** Close codes after which only the policy determines the delay. */
        val CODES =
            listOf(
                CloseCode.Abnormal,
                CloseCode.GoingAway,
                CloseCode.Internal,
                CloseCode.TooLarge,
                CloseCode.NotAuthenticated,
                CloseCode.TooManyMessages,
                CloseCode.SlowConsumer,
            )
    }
}

/**
 * The earliest time of an attempt. It is never before the time that the server requested. It is not before the policy's
 * delay either, except after a hint: then one second after the previous attempt, if the server requested no delay.
 * After a connection that the client ended itself, in the background, only the hint counts.
 */
private class AttemptRule {
    private var requested = Duration.ZERO
    private var mayBeShorter = true
    private var due: Duration? = Duration.ZERO // of the first attempt
    private var last: Duration? = null

    /** Whether a hint, such as a network change, occurred since the last attempt or the end of its connection. */
    var isHinted = false

    /** Whether the policy has given up. */
    var isOver = false
        private set

    fun serverRequestsDelay(wait: Duration, now: Duration) {
        requested = now + wait
        mayBeShorter = wait == Duration.ZERO
    }

    /** The server sent a reconnect window that begins after [wait]; the policy is not used. */
    fun serverSetsWindow(wait: Duration, now: Duration) {
        requested = now + wait
        due = requested
        mayBeShorter = false
    }

    fun policyDelay(wait: Duration?, now: Duration) {
        due = wait?.let { now + it }
        isOver = isOver || wait == null
    }

    fun attemptBegins(now: Duration) {
        last = now
        due = null
        requested = Duration.ZERO
        mayBeShorter = true
        isHinted = false
    }

    /** The rule that an attempt at [now] violates, or null. */
    fun violationAt(now: Duration): String? {
        val isDue = due?.let { now >= it } == true
        val isEarly = mayBeShorter && isHinted && last?.let { now - it >= 1.seconds } != false
        return when {
            isOver -> "attempt at $now after the policy gave up"
            now < requested -> "attempt at $now, but the server requested $requested"
            isDue || isEarly -> null
            else -> "attempt at $now, due at $due, last at $last, hinted: $isHinted"
        }
    }
}
