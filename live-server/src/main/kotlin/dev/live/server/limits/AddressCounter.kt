package dev.live.server.limits

import java.net.Inet6Address
import java.net.InetAddress
import java.net.UnknownHostException
import java.util.concurrent.ConcurrentHashMap

/**
 * Counts connections per remote address, [limit] at most; an address is forgotten with its last one. Every function may
 * be called from any thread.
 */
internal class AddressCounter(private val limit: Int) {
    private val counts = ConcurrentHashMap<String, Int>()

    val size: Int get() = counts.size

    /** Counts one more of [network]; false if it has all that it may have. */
    fun tryAdd(network: String): Boolean {
        var isAdded = false
        counts.compute(network) { _, known ->
            val count = known ?: 0
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
 * What counts as one address: an IPv4 address, or the /64 network of an IPv6 one, for that is what one customer is
 * given and may take any address of. Whatever else stands there counts as it is.
 */
internal fun networkOf(address: String): String {
    val literal = address.substringBefore('%') // the zone: fe80::1%eth0
    // nothing else may get to getByName, which would ask a name server
    if (!IPV6.matches(literal)) return address
    val parsed =
        try {
            InetAddress.getByName(literal)
        } catch (_: UnknownHostException) {
            return address
        }
    if (parsed !is Inet6Address) return parsed.hostAddress // an IPv4 address in the form of an IPv6 one
    return parsed.address.copyOf(NETWORK_BYTES).toHexString()
}

private val IPV6 = Regex("[0-9a-fA-F:][0-9a-fA-F.]*:[0-9a-fA-F:.]*")
private const val NETWORK_BYTES = 8
