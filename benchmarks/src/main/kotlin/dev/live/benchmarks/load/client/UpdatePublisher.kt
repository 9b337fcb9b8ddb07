package dev.live.benchmarks.load.client

import dev.live.benchmarks.load.generator.LiveProtocol
import dev.live.benchmarks.load.generator.OutgoingFrames
import dev.live.benchmarks.load.generator.Upgrade
import dev.live.protocol.Body
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.of
import java.net.InetSocketAddress
import java.net.Socket
import java.util.concurrent.Semaphore
import kotlin.concurrent.thread

/**
 * Publishes updates on its own connection: [burst] updates in one write, and the next ones when the client has received
 * these. The number of messages per read therefore does not depend on the speed of the machine.
 */
internal class UpdatePublisher(port: Int, private val burst: Int) {
    private val permits = Semaphore(burst)
    private val socket = Socket()

    @Volatile
    private var isSubscribed = false

    /** The thread, whose allocations are not those of the client. */
    val thread: Thread

    init {
        val address = InetSocketAddress("127.0.0.1", port)
        socket.connect(address)
        socket.tcpNoDelay = true
        socket.getOutputStream().write(Upgrade.request(LiveProtocol(JsonCodec), address))
        readUpgrade()
        thread = thread(name = "publisher", isDaemon = true) { run() }
    }

    /** The client received [update]. */
    fun received(update: Update) {
        if (update.id == PROBE) isSubscribed = true else permits.release()
    }

    private fun run() {
        val probe = frames(PROBE, count = 1)
        while (!isSubscribed) {
            socket.getOutputStream().write(probe)
            Thread.sleep(PROBE_INTERVAL_MS)
        }
        val updates = frames(id = 1, burst)
        while (true) {
            permits.acquire(burst)
            socket.getOutputStream().write(updates)
        }
    }

    private fun frames(id: Long, count: Int): ByteArray {
        val update = Update(id, "author $id", "text of a message ".repeat(4), 7)
        val frames = OutgoingFrames(TEXT_OPCODE)
        repeat(count) { frames.add(JsonCodec.encode(Message("publish", TOPIC, body = Body.of(update)))) }
        return frames.bytes.copyOf(frames.size)
    }

    private fun readUpgrade() {
        val bytes = ByteArray(MAX_UPGRADE_BYTES)
        var size = 0
        while (Upgrade.end(bytes, size) < 0) {
            val read = socket.getInputStream().read(bytes, size, bytes.size - size)
            check(read > 0) { "the server closed the connection of the publisher" }
            size += read
        }
    }

    private companion object {
        const val PROBE = -1L
        const val PROBE_INTERVAL_MS = 200L
        const val TEXT_OPCODE = 1
        const val MAX_UPGRADE_BYTES = 4096
    }
}
