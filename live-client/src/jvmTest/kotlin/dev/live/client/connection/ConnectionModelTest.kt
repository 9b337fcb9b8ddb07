package dev.live.client.connection

import dev.live.client.Chat
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.topic.ClientClosedException
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
import dev.live.test.FakeWire
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
 * Random networks, servers and users against the rules: never two connections, never an attempt sooner than its rule
 * or, on a hint, than a second after the last, always a next step until the policy has no more, and in the end the
 * server has joined what is collected.
 */
class ConnectionModelTest : FunSpec({

    val seen = mutableSetOf<KClass<*>>()

    for (seeds in (1..SCRIPTS).chunked(SCRIPTS / 4)) {
        test("${seeds.size * STEPS} steps keep the rules, seeds ${seeds.first()} to ${seeds.last()}") {
            for (seed in seeds) withClue("seed $seed") { Model(Random(seed), seen).run() }
        }
    }

    test("a client whose policy gives up is closed, and takes no step more") {
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

    test("the scripts have come to every state but the last, and by every way") {
        seen shouldContainAll
            listOf(
                ConnectionState.Connecting::class,
                ConnectionState.Connected::class,
                ConnectionState.Waiting::class,
                ConnectionState.Paused::class,
                DisconnectCause.ConnectionLost::class,
                DisconnectCause.ClosedByServer::class,
                DisconnectCause.UpgradeRefused::class,
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

    /** What the client has to keep to before its next attempt. */
    private val rule = AttemptRule()
    private var lastAttempt = Duration.ZERO
    private var wrong: String? = null
    private var tokens = 0
    private val story = StringBuilder()

    fun run() =
        clientTest({
            transport = Timed()
            reconnect = ReconnectPolicy { attempt -> policy(attempt).also { rule.policySaid(it, test.now) } }
            bearer { "token-${++tokens}" }
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
            if (hasGivenUp) return@clientTest
            networkIs(Network.Available("last"))
            foregroundIs(true)
            fake.isUnreachable = false
            fake.refusals.clear()
            fake.connections.lastOrNull()?.isStalled = false
            pass(100.seconds)

            fake.joined shouldBe collectors.filterValues { it.isNotEmpty() }.keys
            collectors.values.flatten().forEach { it.cancel() }
            pass(1.seconds) // after a close with 4429 the client leaves them one by one
            fake.joined shouldBe emptySet()
        }

    val hasGivenUp: Boolean get() = rule.isOver

    private fun policy(attempt: Int): Duration? =
        if (attempt >= maxAttempts) null else minOf(200.milliseconds * (1 shl minOf(attempt, 10)), 30.seconds)

    private fun ClientFixture.step() {
        val choice = random.nextInt(24)
        story.append("\n$now ${client.state.value}: $choice ${network.value} ${foreground.value}")
        when (choice) {
            0 -> ended { it.cut(CODES[random.nextInt(CODES.size)]) }
            1 -> ended {
                rule.serverAsksFor(5.seconds, now)
                it.cut(CloseCode.TryAgainLater)
            }
            2 -> goodbye()
            3 -> fake.refusals += IOException("no route to host")
            4 -> fake.refusals += UpgradeRefusedException(503, "full", random.nextInt(20).seconds)
            5 -> fake.refusals += UpgradeRefusedException(404, "no such page")
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
        if (fake.connections.lastOrNull()?.isStalled == true) return // it would not hear it
        ended { wire ->
            rule.serverNames(min.milliseconds, now)
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
        wrong shouldBe null
        fake.mostOpenAtOnce shouldBeLessThanOrEqual 1
        val state = client.state.value
        (state is ConnectionState.Closed) shouldBe hasGivenUp
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
                when (state.cause) {
                    PauseReason.NoNetwork -> network.value shouldBe Network.None
                    PauseReason.Background -> foreground.value shouldBe false
                }
            is ConnectionState.Closed -> Unit
        }
    }

    private fun <T> oneOf(vararg of: T): T = of[random.nextInt(of.size)]

    /** Knows when there was an attempt, and whether there may have been one. */
    private inner class Timed : Transport {
        override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
            val now = test.now
            lastAttempt = now
            // noted and not thrown: the client would take it for a failure of the network
            wrong = wrong ?: rule.violationAt(now)
            if (network.value == Network.None) wrong = wrong ?: "an attempt without a network at $now"
            rule.attemptBegins(now)
            var wasOpen = false
            try {
                return fake.connect(request) { wire ->
                    wasOpen = true
                    use(wire)
                }
            } catch (e: UpgradeRefusedException) {
                rule.serverAsksFor(e.retryAfter ?: Duration.ZERO, now = test.now)
                throw e
            } finally {
                if (wasOpen) rule.isHinted = false // the connection was looked at then
            }
        }

        override fun close() = fake.close()
    }

    private companion object {
        /** After which the policy alone says when. */
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
 * When an attempt may come: not before what the server asked for; nor before what the policy said, but where there was
 * a hint meanwhile and the server has asked for nothing, a second after the last attempt. A connection that the client
 * ended itself, in the background, leaves nothing to wait for but the hint.
 */
private class AttemptRule {
    private var asked = Duration.ZERO
    private var mayBeShorter = true
    private var due: Duration? = Duration.ZERO // of the first attempt
    private var last: Duration? = null

    /** Whether something has happened since the last attempt, or its connection's end, after which it makes sense to look. */
    var isHinted = false

    /** Whether the policy has said that there is to be no attempt any more. */
    var isOver = false
        private set

    fun serverAsksFor(wait: Duration, now: Duration) {
        asked = now + wait
        mayBeShorter = wait == Duration.ZERO
    }

    /** A window that begins after [wait], and the policy is not asked. */
    fun serverNames(wait: Duration, now: Duration) {
        asked = now + wait
        due = asked
        mayBeShorter = false
    }

    fun policySaid(wait: Duration?, now: Duration) {
        due = wait?.let { now + it }
        isOver = isOver || wait == null
    }

    fun attemptBegins(now: Duration) {
        last = now
        due = null
        asked = Duration.ZERO
        mayBeShorter = true
        isHinted = false
    }

    /** What is wrong with an attempt at [now], or null. */
    fun violationAt(now: Duration): String? {
        val isDue = due?.let { now >= it } == true
        val isEarly = mayBeShorter && isHinted && last?.let { now - it >= 1.seconds } != false
        return when {
            isOver -> "an attempt at $now, after the policy gave up"
            now < asked -> "an attempt at $now, and the server asked for $asked"
            isDue || isEarly -> null
            else -> "an attempt at $now, due at $due, the last at $last, hinted: $isHinted"
        }
    }
}
