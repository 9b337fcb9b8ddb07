package dev.live.chaos

import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.Wire
import java.nio.channels.UnresolvedAddressException
import java.util.concurrent.atomic.AtomicInteger

/** Name servers that may be down, for the transports [over] others. */
internal class BrokenNames {
    @Volatile
    var areBroken: Boolean = false

    /** How often a name was not found. */
    val failures = AtomicInteger()

    fun over(transport: Transport): Transport =
        object : Transport {
            override suspend fun <R> connect(request: ConnectRequest, use: suspend (Wire) -> R): R {
                if (areBroken) {
                    failures.incrementAndGet()
                    throw UnresolvedAddressException()
                }
                return transport.connect(request, use)
            }

            override fun close() = transport.close()
        }
}
