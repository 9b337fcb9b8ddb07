package dev.live.server.limits

import java.net.Inet6Address
import java.net.InetAddress
import java.net.UnknownHostException
import java.util.concurrent.ConcurrentHashMap

/**
 * Counts connections per network, at most [limit] each. A network is removed with its last connection. Every function
 * may be called from any thread.
 */
internal class AddressCounter(private val limit: Int) {
    private val counts = ConcurrentHashMap<String, Int>()

    val size: Int get() = counts.size

    /** Adds a connection of [network]; false if the limit is reached. */
    fun tryAdd(network: String): Boolean {
        var isAdded = false
        counts.compute(network) { _, current ->
            val count = current ?: 0
            isAdded = count < limit
            if (isAdded) count + 1 else count
        }
        return isAdded
    }

    fun remove(network: String) {
        counts.computeIfPresent(network) { _, count -> (count - 1).takeIf { it > 0 } }
    }
}

/**
 * The network that counts as one address: an IPv4 address, or the /64 network of an IPv6 address, because providers
 * assign a whole /64 to one customer. Other text is returned unchanged.
 */
internal fun networkOf(address: String): String {
    val literal = address.substringBefore('%') // the zone: fe80::1%eth0
    // Only literals may reach getByName, which would otherwise query a name server.
    if (!IPV6.matches(literal)) return address
    val parsed =
        try {
            InetAddress.getByName(literal)
        } catch (_: UnknownHostException) {
            return address
        }
    if (parsed !is Inet6Address) return parsed.hostAddress // an IPv4-mapped IPv6 address
    return parsed.address.copyOf(NETWORK_BYTES).toHexString()
}

private val IPV6 = Regex("[0-9a-fA-F:][0-9a-fA-F.]*:[0-9a-fA-F:.]*")
private const val NETWORK_BYTES = 8
