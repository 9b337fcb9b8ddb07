package dev.live.chaos

import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.Wire
import okhttp3.Dns
import java.net.InetAddress
import java.net.UnknownHostException
import java.nio.channels.UnresolvedAddressException
import java.util.concurrent.atomic.AtomicInteger

/** Name servers that may be down. They know one name: [NAME], which is this machine. */
internal class BrokenNames : Dns {
    @Volatile
    var areBroken: Boolean = false

    /** How often the engine that asks here was told that there is no such name. */
    val failures = AtomicInteger()

    override fun lookup(hostname: String): List<InetAddress> {
        if (areBroken || hostname != NAME) {
            failures.incrementAndGet()
            throw UnknownHostException(hostname)
        }
        return listOf(InetAddress.getLoopbackAddress())
    }

    /** The same for [transport], whose engine cannot be told where to ask: it fails as that engine does. */
    fun over(transport: Transport): Transport =
        object : Transport {
            override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
                if (areBroken) throw UnresolvedAddressException()
                return transport.connect(request, use)
            }

            override fun close() = transport.close()
        }

    companion object {
        const val NAME = "chaos.invalid"
    }
}
