package dev.live.server

import dev.live.protocol.JsonCodec
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.server.support.Engine
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import dev.live.server.support.amount
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.serialization.Serializable
import java.util.concurrent.atomic.AtomicIntegerArray

/**
 * Races subscribes with publishes of other sessions. Checks that no message arrives before the ack, that none is
 * missing after it, that none follows the ack of the unsubscribe, and that each publisher's messages stay in order.
 * Hundreds of rounds, because a race shows only in some of them.
 */
class SubscribeRaceTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        test("a subscribe that races with publishes loses no message and receives none before its ack, on $engine") {
            withServer(engine, { race() }) { race(members = 0, ROUNDS) }
        }

        test("the same holds among many subscribers, which receive messages in batches, on $engine") {
            withServer(engine, { race() }) { race(members = 32, ROUNDS / 10) }
        }
    }
})

/** [members] sessions stay subscribed throughout. */
private suspend fun TestServer.race(members: Int, rounds: Int) {
    val started = AtomicIntegerArray(PUBLISHERS)
    coroutineScope {
        val others = List(members) { launch(Dispatchers.IO) { readUntilCancelled() } }
        val publishers = List(PUBLISHERS) { launch(Dispatchers.IO) { publishUntilCancelled(it, started) } }
        val subscribers = List(SUBSCRIBERS) { launch(Dispatchers.IO) { Racer(this@race, started).run(rounds) } }
        subscribers.forEach { it.join() }
        // readers first: without publishers they would wait for a message
        (others + publishers).forEach { it.cancelAndJoin() }
    }
}

private suspend fun TestServer.readUntilCancelled() {
    RawSocket.upgrade(port).use { socket ->
        withContext(Dispatchers.IO) {
            socket.text("""{"type":"subscribe","topic":"race","ref":"1"}""")
            while (isActive) socket.readFrame()
        }
    }
}

private const val PUBLISHERS = 3
private const val PIPELINED = 3
private const val SUBSCRIBERS = 2
private val ROUNDS = amount(800, 2_500)

/** The [number]-th message of one [publisher], counted from 1. */
@Serializable
private class Numbered(val publisher: Int, val number: Int)

private suspend fun TestServer.publishUntilCancelled(publisher: Int, started: AtomicIntegerArray) {
    RawSocket.upgrade(port).use { socket ->
        withContext(Dispatchers.IO) {
            while (isActive) {
                repeat(PIPELINED) {
                    // several at a time, so that the server batches them
                    val number = started.incrementAndGet(publisher)
                    val data = """{"publisher":$publisher,"number":$number}"""
                    socket.text("""{"type":"publish","topic":"race","ref":"$number","data":$data}""")
                }
                repeat(PIPELINED) { socket.readFrame() } // read the acks
            }
        }
    }
}

private class Racer(server: TestServer, private val started: AtomicIntegerArray) {
    private val socket = RawSocket.upgrade(server.port)

    fun run(rounds: Int) {
        repeat(rounds) { round(it) }
        socket.close()
    }

    private fun round(round: Int) {
        socket.text("""{"type":"subscribe","topic":"race","ref":"s$round"}""")
        val first = next()
        first.type to first.ref shouldBe (MessageType.ACK to "s$round")
        val atAck = IntArray(PUBLISHERS) { started[it] }

        val last = IntArray(PUBLISHERS)
        repeat(MESSAGES_PER_ROUND) { check(next().decode<Numbered>(), last, atAck) }

        socket.text("""{"type":"unsubscribe","topic":"race","ref":"u$round"}""")
        while (true) {
            val message = next()
            if (message.type == MessageType.ACK) return message.ref.let { it shouldBe "u$round" }
            check(message.decode<Numbered>(), last, atAck)
        }
    }

    private fun check(message: Numbered, last: IntArray, atAck: IntArray) {
        val before = last[message.publisher]
        // messages published after the ack must arrive; messages published before it may arrive
        if (before == 0) message.number shouldBeLessThanOrEqual atAck[message.publisher] + 1
        if (before != 0) message.number shouldBe before + 1
        last[message.publisher] = message.number
    }

    private fun next() = JsonCodec.decode(socket.readFrame().second)

    private companion object {
        const val MESSAGES_PER_ROUND = 4
    }
}

private fun Application.race() {
    install(Live) {
        limits {
            messagesPerSecond = Int.MAX_VALUE
            subscribesPerSecond = Int.MAX_VALUE
        }
        session {
            // large enough that a subscriber on a slow machine does not overflow
            queueCapacity = 1_000_000
            queueBytes = 1_000_000_000
        }
        topics { linger = kotlin.time.Duration.ZERO } // so that rounds also race with the removal of the topic
    }
    routing { live<Unit>("/live") { topic<Numbered>("race") { publishWithoutSubscribing = true } } }
}
