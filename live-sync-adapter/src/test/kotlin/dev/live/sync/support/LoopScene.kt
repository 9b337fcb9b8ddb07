@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.sync.support

import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.sync.client.CursorStore
import dev.live.sync.client.MemoryCursor
import dev.live.sync.client.SyncLink
import dev.live.sync.client.SyncLoop
import dev.live.sync.client.SyncSignal
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import kotlin.random.Random
import kotlin.time.Duration.Companion.seconds

/** Runs [block] in virtual time with a running loop. */
internal fun loopScene(block: suspend LoopScene.() -> Unit) {
    runTest {
        val scene = LoopScene(this)
        scene.start()
        scene.block()
    }
}

/** A loop. The test controls its signals and its connection. The server's cursor is [server]. */
internal class LoopScene(val test: TestScope) {
    var store: CursorStore = MemoryCursor()
    lateinit var running: Job
    val pulls = mutableListOf<ULong>()
    val failures = ArrayDeque<Exception>()
    var server = 0uL
    var page = ULong.MAX_VALUE
    var pullResult: ULong? = null
    var rejection: Exception? = null
    var signals = Channel<SyncSignal>(Channel.UNLIMITED)
    var maxConcurrentPulls = 0
    private var isSubscribed = false
    private var concurrentPulls = 0
    private var held: CompletableDeferred<Unit>? = null
    private val connection = MutableStateFlow<ConnectionState>(ConnectionState.Connecting(0))
    private val link =
        SyncLink(
            flow {
                for (signal in signals) emit(signal)
                rejection?.let { throw it }
            },
            connection,
        )
    private val backoff = ReconnectPolicy { attempt -> (attempt + 1).seconds }
    val loop = SyncLoop("s", Stored(), 60.seconds, backoff, link, Random(3), test.testTimeSource) { pull(it) }

    fun start() {
        running = test.backgroundScope.launch { loop.run() }
        test.runCurrent()
    }

    private inner class Stored : CursorStore {
        override suspend fun read(): ULong = store.read()

        override suspend fun write(cursor: ULong) = store.write(cursor)
    }

    private suspend fun pull(since: ULong): ULong {
        pulls += since
        maxConcurrentPulls = maxOf(maxConcurrentPulls, ++concurrentPulls)
        val found = pullResult ?: minOf(server, if (page > ULong.MAX_VALUE - since) server else since + page)
        try {
            held?.await()
            failures.removeFirstOrNull()?.let { throw it }
            return found
        } finally {
            concurrentPulls--
        }
    }

    fun connect() {
        isSubscribed = false
        connection.value = ConnectionState.Connected(test.testTimeSource.markNow(), "live.v1.json")
        test.runCurrent()
    }

    fun disconnect() {
        val until = test.testTimeSource.markNow()
        connection.value = ConnectionState.Waiting(1, 1.seconds, until, DisconnectCause.HeartbeatTimeout(60.seconds))
        test.runCurrent()
    }

    /** Sends [cursor] to the loop: in the ack if it is the first signal of the connection, otherwise in a message. */
    fun signal(cursor: ULong) {
        signals.trySend(if (isSubscribed) SyncSignal.Advanced(cursor) else SyncSignal.Subscribed(cursor))
        isSubscribed = true
        test.runCurrent()
    }

    /** Acknowledges the subscribe without a cursor. */
    fun subscribeWithoutCursor() {
        signals.trySend(SyncSignal.Subscribed(null))
        isSubscribed = true
        test.runCurrent()
    }

    fun hold() = CompletableDeferred<Unit>().also { held = it }

    fun release(pull: CompletableDeferred<Unit>) {
        held = null
        pull.complete(Unit)
        test.runCurrent()
    }

    fun pass(millis: Long) {
        test.advanceTimeBy(millis)
        test.runCurrent()
    }
}
