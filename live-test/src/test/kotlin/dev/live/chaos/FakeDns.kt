package dev.live.chaos

import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.Wire
import okhttp3.Dns
import java.net.InetAddress
import java.net.UnknownHostException
import java.nio.channels.UnresolvedAddressException
import java.util.concurrent.atomic.AtomicInteger

/** A DNS resolver that resolves only [NAME], to the loopback address. It can be made to fail. */
internal class FakeDns : Dns {
    @Volatile
    var isDown: Boolean = false

    /** Number of failed lookups. */
    val failures = AtomicInteger()

    override fun lookup(hostname: String): List<InetAddress> {
        if (isDown || hostname != NAME) {
            failures.incrementAndGet()
            throw UnknownHostException(hostname)
        }
        return listOf(InetAddress.getLoopbackAddress())
    }

    /**
     * Adds the outages to [transport], because its engine has no DNS setting. Throws the same exception as that engine.
     */
    fun wrap(transport: Transport): Transport =
        object : Transport {
            override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
                if (isDown) throw UnresolvedAddressException()
                return transport.connect(request, use)
            }

            override fun close() = transport.close()
        }

    companion object {
        const val NAME = "chaos.invalid"
    }
}
