package dev.live.server

import dev.live.server.support.Engine
import dev.live.server.support.MIB
import dev.live.server.support.RawSocket
import dev.live.server.support.liveHeap
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.longs.shouldBeLessThan
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import java.util.concurrent.atomic.AtomicLong

class FloodTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        test("TCP backpressure stops a client that floods a slow handler, so memory stays bounded, on $engine") {
            val busy = CompletableDeferred<Unit>()
            withServer(engine, {
                install(Live)
                routing {
                    live<Unit>("/live") {
                        onMessage {
                            busy.complete(Unit)
                            awaitCancellation()
                        }
                    }
                }
            }) {
                coroutineScope {
                    val client = RawSocket.upgrade(port)
                    client.text("""{"type":"begin"}""")
                    busy.await()
                    val before = liveHeap()
                    val written = AtomicLong()
                    val flood = launch(Dispatchers.IO) { client.floodWith(256 * MIB, written) }

                    written.awaitIdle()

                    (liveHeap() - before) shouldBeLessThan 8 * MIB
                    written.get() shouldBeLessThan 64 * MIB
                    client.close()
                    flood.join()
                }
            }
        }
    }
})

private fun RawSocket.floodWith(bytes: Long, written: AtomicLong) {
    val payload = ByteArray(60_000) { 'x'.code.toByte() }
    try {
        while (written.get() < bytes) {
            frame(0x1, payload)
            written.addAndGet(payload.size.toLong())
        }
    } catch (_: java.io.IOException) {
        // the test is over
    }
}

/** Waits until nothing has been written for half a second. */
private suspend fun AtomicLong.awaitIdle() {
    var seen = -1L
    while (seen != get()) {
        seen = get()
        delay(500) // only a delay can show the absence of writes
    }
}
