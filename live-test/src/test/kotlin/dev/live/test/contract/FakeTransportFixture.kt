package dev.live.test.contract

import dev.live.client.testing.FakeTransport
import dev.live.client.testing.FakeWire
import dev.live.client.transport.UpgradeRejectedException
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import kotlinx.coroutines.delay
import kotlinx.io.IOException
import kotlin.time.Duration.Companion.milliseconds

/** A [FakeTransport] and its server, which sends no replies of its own. */
internal class FakeTransportFixture(override val codec: Codec) : TransportFixture {
    override val transport = FakeTransport(codec).apply { onMessage = { true } }
    override val url = "ws://test/live"

    override suspend fun accept(): ServerEnd = FakeServerEnd(transport.wire, transport.requests.last().headers, codec)

    override fun reject(status: Int) {
        transport.outage = UpgradeRejectedException(status, "")
    }

    override fun ignoreUpgrades() {
        transport.isUnreachable = true
    }

    override fun stopListening() {
        transport.outage = IOException("connection refused")
    }

    override fun close() = Unit
}

private class FakeServerEnd(
    private val wire: FakeWire,
    private val headers: Map<String, String>,
    private val codec: Codec,
) : ServerEnd {
    private var taken = 0

    override fun header(name: String): String? = headers.entries.find { it.key.equals(name, ignoreCase = true) }?.value

    override suspend fun receive(): ByteArray? {
        pollUntil { taken < wire.received.size || !wire.isOpen }
        return wire.received.getOrNull(taken++)?.let { codec.encode(it) }
    }

    override suspend fun send(bytes: ByteArray): Unit = wire.pushBytes(bytes)

    override suspend fun close(code: CloseCode, reason: String): Unit = wire.cut(code, reason)

    override suspend fun drop(): Unit = wire.cut()

    override suspend fun awaitEnd(): CloseCode? {
        pollUntil { !wire.isOpen }
        return wire.closedWith
    }
}

/** Nothing signals a change of a [FakeWire], so polling is necessary. */
private suspend fun pollUntil(condition: () -> Boolean) {
    while (!condition()) delay(1.milliseconds)
}
