package dev.live.server

import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.RawSocket
import dev.live.server.support.amount
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.debug.DebugProbes
import kotlinx.coroutines.launch
import java.io.File
import java.io.IOException
import kotlin.random.Random
import kotlin.time.Duration

/** Checks for leaks after 1,000 concurrent sessions connect, subscribe, publish, close and drop at random. */
@OptIn(ExperimentalCoroutinesApi::class)
class ChurnTest : FunSpec({

    beforeSpec {
        DebugProbes.enableCreationStackTraces = false
        DebugProbes.install()
    }
    afterSpec { DebugProbes.uninstall() }

    // longer for one transport only: transports differ in how they detect a lost connection, not in what they store
    for (engine in Engine.onAllLoops) {
        val total = if (engine == Engine.Netty) amount(5_000, 40_000) else amount(1_500, 5_000)
        test("$total sessions, many dropped without a close frame, leak nothing, on $engine") {
            withServer(engine, { churn() }) {
                // warm up, so that the engine's permanent threads and files are part of the baseline
                RawSocket.upgrade(port).use { it.text("""{"type":"ping"}""") }
                eventually(HANG_TIMEOUT) { application.live.sessions.shouldBeEmpty() }
                val filesBefore = openFiles()
                val coroutinesBefore = liveCoroutines()

                coroutineScope {
                    repeat(WORKERS) { launch(Dispatchers.IO) { Worker(port, Random(it)).open(total / WORKERS) } }
                }

                eventually(HANG_TIMEOUT) {
                    application.live.sessions.shouldBeEmpty()
                    application.live.topicCount shouldBe 0
                    List(TOPICS) { application.live.topic("room/$it").subscribers }.sum() shouldBe 0
                    liveCoroutines() shouldBeLessThanOrEqual coroutinesBefore
                    openFiles() shouldBeLessThanOrEqual filesBefore
                }
            }
        }
    }
})

private const val WORKERS = 8
private const val CONCURRENT_SESSIONS = 1_000
private const val TOPICS = 50

/** One worker's share of the sessions: opens, uses and drops them at random. */
private class Worker(private val port: Int, private val random: Random) {
    private val sockets = arrayOfNulls<RawSocket>(CONCURRENT_SESSIONS / WORKERS)
    private var opened = 0

    fun open(sessions: Int) {
        while (opened < sessions) step(random.nextInt(sockets.size))
        sockets.forEach { it?.close() }
    }

    private fun step(index: Int) {
        val socket = sockets[index] ?: return connect(index)
        val topic = "room/${random.nextInt(TOPICS)}"
        try {
            when (random.nextInt(8)) {
                0, 1, 2 -> socket.text("""{"type":"subscribe","topic":"$topic"}""")
                3 -> socket.text("""{"type":"unsubscribe","topic":"$topic"}""")
                4, 5 -> socket.text("""{"type":"publish","topic":"$topic","data":1}""")
                6 -> socket.drop(index)
                else -> socket.leave(index)
            }
        } catch (_: IOException) {
            socket.drop(index) // the server closed first: this client does not read
        }
    }

    private fun connect(index: Int) {
        sockets[index] = RawSocket.upgrade(port)
        opened++
    }

    private fun RawSocket.drop(index: Int) {
        sockets[index] = null
        reset()
    }

    private fun RawSocket.leave(index: Int) {
        sockets[index] = null
        frame(0x8, byteArrayOf(0x03, 0xE8.toByte()))
        close()
    }
}

@OptIn(ExperimentalCoroutinesApi::class)
private fun liveCoroutines(): Int =
    DebugProbes.dumpCoroutinesInfo().count { it.context[CoroutineName]?.name.orEmpty().startsWith("live-") }

private fun openFiles(): Int = File("/proc/self/fd").list().orEmpty().size

private fun Application.churn() {
    install(Live) {
        limits {
            messagesPerSecond = Int.MAX_VALUE
            subscribesPerSecond = Int.MAX_VALUE
        }
        topics { linger = Duration.ZERO }
    }
    routing { live<Unit>("/live") { topic<Int>("room/{room}") } }
}
