package dev.live.redis

import io.lettuce.core.RedisURI
import io.lettuce.core.SslVerifyMode
import java.net.URI
import java.net.URISyntaxException
import java.net.URLDecoder

/** How the servers of a [RedisAddress] are related, and the scheme of their URL without TLS. */
internal enum class Topology(val scheme: String, val defaultPort: Int) {
    Single("redis", 6379),
    Sentinel("redis-sentinel", 26_379),
    Cluster("redis-cluster", 6379),
}

/** A host and a port. An IPv6 address has no brackets in [host]. */
internal data class HostPort(val host: String, val port: Int) {
    override fun toString(): String = if (':' in host) "[$host]:$port" else "$host:$port"
}

/** A user and a password. Not a data class: a log must not contain the password. */
internal class UserInfo(val user: String?, val password: String)

/**
 * The URL of a [RedisBroker].
 *
 * @property servers the single server, the sentinels, or nodes of the cluster
 * @property masterName name of the master at the sentinels; null without sentinels
 */
internal class RedisAddress(
    val topology: Topology,
    val hasTls: Boolean,
    val servers: List<HostPort>,
    val credentials: UserInfo?,
    val database: Int,
    val masterName: String?,
) {
    /** The servers for logs, without user and password. */
    val label: String get() = servers.joinToString(",")

    /** For connections to [server]. */
    fun uri(
        server: HostPort,
        verifiesHost: Boolean,
        database: Int = this.database,
        login: UserInfo? = credentials,
    ): RedisURI {
        val builder = RedisURI.builder().withHost(server.host).withPort(server.port).withDatabase(database)
        builder.withSsl(hasTls).withVerifyPeer(if (verifiesHost) SslVerifyMode.FULL else SslVerifyMode.CA)
        if (login?.user != null) builder.withAuthentication(login.user, login.password)
        if (login != null && login.user == null) builder.withPassword(login.password.toCharArray())
        return builder.build()
    }

    companion object {
        private val HOST = Regex("[A-Za-z0-9._-]+")
        private val IPV6 = Regex("\\[([0-9A-Fa-f:.]+)]")

        /**
         * The address in [url].
         *
         * @throws IllegalArgumentException if it is not the URL of a Redis. The message contains no password
         */
        fun parse(url: String): RedisAddress {
            val parsed =
                try {
                    URI(url)
                } catch (e: URISyntaxException) {
                    // not the cause: its message contains the URL, and with it the password
                    throw IllegalArgumentException(
                        "the Redis URL is invalid at character ${e.index}: ${e.reason}. ${expected(Topology.Single)}",
                    )
                }
            val scheme = requireNotNull(parsed.scheme) { "the Redis URL has no scheme. ${expected(Topology.Single)}" }
            val topology = topology(scheme)
            val expected = expected(topology)
            val authority = parsed.rawAuthority.orEmpty()
            val servers = authority.substringAfterLast('@').split(',').map { server(it, topology) }
            require(servers.none { it == null }) { "the Redis URL has no valid host or port. $expected" }
            require(topology != Topology.Single || servers.size == 1) {
                "the Redis URL has several hosts. Use redis-cluster:// for a cluster, or redis-sentinel:// for " +
                    "sentinels. $expected"
            }
            require(parsed.query == null && (parsed.fragment == null || topology == Topology.Sentinel)) {
                "the Redis URL has parameters. Use the settings of RedisBroker instead. $expected"
            }
            return RedisAddress(
                topology,
                hasTls = scheme.startsWith("rediss"),
                servers.filterNotNull(),
                if ('@' in authority) credentials(authority.substringBeforeLast('@')) else null,
                database(parsed, topology),
                masterName(parsed, topology),
            )
        }

        private fun topology(scheme: String): Topology {
            val plain = if (scheme.startsWith("rediss")) scheme.replaceFirst("rediss", "redis") else scheme
            return requireNotNull(Topology.entries.firstOrNull { it.scheme == plain }) {
                val advice = if (scheme == "redis+tls" || scheme == "redis+ssl") "For TLS, use rediss://. " else ""
                "the Redis URL has the unknown scheme '$scheme'. $advice${expected(Topology.Single)}"
            }
        }

        private fun server(text: String, topology: Topology): HostPort? {
            val isIpv6 = text.startsWith('[')
            val name = if (isIpv6) text.substringBefore(']') + ']' else text.substringBefore(':')
            val host = if (isIpv6) IPV6.matchEntire(name)?.groupValues?.get(1) else name.takeIf(HOST::matches)
            val rest = text.removePrefix(name)
            val port =
                when {
                    rest.isEmpty() -> topology.defaultPort
                    rest.startsWith(':') -> rest.drop(1).toIntOrNull()
                    else -> null
                }
            return if (host == null || port == null || port !in 1..65_535) null else HostPort(host, port)
        }

        private fun credentials(userInfo: String): UserInfo {
            val user = if (':' in userInfo) decode(userInfo.substringBefore(':')) else ""
            return UserInfo(user.ifEmpty { null }, decode(userInfo.substringAfter(':')))
        }

        /** Percent-encoded text; a plus is a plus. */
        private fun decode(text: String): String = URLDecoder.decode(text.replace("+", "%2B"), Charsets.UTF_8)

        private fun database(url: URI, topology: Topology): Int {
            val text = url.path.orEmpty().removePrefix("/")
            val database = if (text.isEmpty()) 0 else text.toIntOrNull()
            require(database != null && database >= 0) {
                // without its text, which is a part of the password if that contains a slash
                "the database is not a number. A slash in the password must be written as %2F. ${expected(topology)}"
            }
            require(topology != Topology.Cluster || database == 0) {
                "the Redis URL has a database, but a cluster has only the database 0. ${expected(topology)}"
            }
            return database
        }

        private fun masterName(url: URI, topology: Topology): String? {
            if (topology != Topology.Sentinel) return null
            return requireNotNull(url.fragment?.ifEmpty { null }) {
                "the Redis URL has no name of a master after '#'. ${expected(topology)}"
            }
        }

        private fun expected(topology: Topology): String =
            when (topology) {
                Topology.Single ->
                    "Expected: redis://user:password@host:port/database, all parts but the host optional; rediss:// " +
                        "for TLS."
                Topology.Sentinel ->
                    "Expected: redis-sentinel://user:password@host:port,host:port/database#master, with the hosts of " +
                        "the sentinels; rediss-sentinel:// for TLS."
                Topology.Cluster ->
                    "Expected: redis-cluster://user:password@host:port,host:port, with some or all nodes of the " +
                        "cluster; rediss-cluster:// for TLS."
            }
    }
}
