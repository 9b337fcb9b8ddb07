package dev.live.sync

import dev.live.client.LiveClient
import dev.live.client.connection.ExponentialBackoff
import dev.live.sync.client.MemoryCursor
import dev.live.sync.client.SyncLoop
import dev.live.sync.client.SyncState
import dev.live.sync.client.syncSignals
import dev.live.sync.support.HANG_TIMEOUT
import dev.live.sync.support.SyncServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The adapter over Netty and CIO's client, on a real socket. */
class RealSocketTest : FunSpec({

    test("a loop receives a commit immediately, and a commit during a server outage after the reconnect") {
        SyncServer().use { server ->
            val live = LiveClient(server.url) { reconnect = ExponentialBackoff(50.milliseconds, 200.milliseconds) }
            val store = MemoryCursor()
            // no poll within the test: only signals can cause pulls
            val loop = SyncLoop(live, "list/42", store, poll = 10.minutes) { server.cursors.getValue("list/42") }
            val running = launch { loop.run() }
            try {
                server.commit("list/42", 1)
                loop.awaitInSync(1uL)
                server.commit("list/42", 2)
                loop.awaitInSync(2uL)

                server.stop()
                withTimeout(HANG_TIMEOUT) { loop.state.first { it is SyncState.Offline } }
                server.commitSilently("list/42", 5)
                server.start()

                loop.awaitInSync(5uL)
                withTimeout(HANG_TIMEOUT) { live.syncSignals("list/42").first() } shouldBe 5uL
            } finally {
                running.cancelAndJoin()
                live.close()
            }
        }
    }
})

private suspend fun SyncLoop.awaitInSync(cursor: ULong) {
    withTimeout(HANG_TIMEOUT) { state.first { it is SyncState.InSync && it.cursor == cursor } }
}
