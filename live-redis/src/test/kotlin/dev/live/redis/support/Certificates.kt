package dev.live.redis.support

import io.ktor.network.tls.certificates.CertificateBuilder
import io.ktor.network.tls.certificates.KeyType
import io.ktor.network.tls.certificates.buildKeyStore
import io.ktor.network.tls.extensions.HashAlgorithm
import io.ktor.network.tls.extensions.SignatureAlgorithm
import java.net.InetAddress
import java.nio.file.Files
import java.nio.file.Path
import java.security.Key
import java.security.KeyPair
import java.security.PrivateKey
import java.security.cert.Certificate
import java.security.cert.X509Certificate
import java.util.Base64
import javax.security.auth.x500.X500Principal

/** PEM files of an authority and of certificates that it signs, in a directory of their own. */
class Certificates : AutoCloseable {
    private val directory = Files.createTempDirectory("live-redis-tls")
    private val authority =
        buildKeyStore {
            certificate("ca") {
                password = PASSWORD
                subject = X500Principal("CN=authority")
                domains = emptyList()
                keyType = KeyType.CA
                modern()
            }
        }
    private val authorityKeys =
        KeyPair(
            authority.getCertificate("ca").publicKey,
            authority.getKey("ca", PASSWORD.toCharArray()) as PrivateKey,
        )

    val ca: Path = write("ca.pem", authority.getCertificate("ca"))

    /** A certificate and its key. */
    class Pair(val certificate: Path, val key: Path)

    /** @param hosts names in the certificate of a server; empty for a client */
    fun issue(name: String, vararg hosts: String): Pair {
        val keys =
            buildKeyStore {
                certificate(name) {
                    password = PASSWORD
                    subject = X500Principal("CN=$name")
                    domains = hosts.toList()
                    ipAddresses = hosts.filter { it.first().isDigit() }.map { InetAddress.getByName(it) }
                    keyType = if (hosts.isEmpty()) KeyType.Client else KeyType.Server
                    modern()
                    signWith(authorityKeys, authority.getCertificate("ca") as X509Certificate)
                }
            }
        return Pair(
            write("$name.pem", keys.getCertificate(name)),
            write("$name.key", keys.getKey(name, PASSWORD.toCharArray())),
        )
    }

    override fun close() {
        directory.toFile().deleteRecursively()
    }

    /** Ktor's defaults are rejected by OpenSSL. */
    private fun CertificateBuilder.modern() {
        hash = HashAlgorithm.SHA256
        sign = SignatureAlgorithm.RSA
        keySizeInBits = 2048
    }

    private fun write(name: String, certificate: Certificate): Path = write(name, "CERTIFICATE", certificate.encoded)

    private fun write(name: String, key: Key): Path = write(name, "PRIVATE KEY", key.encoded)

    private fun write(name: String, type: String, bytes: ByteArray): Path {
        val text = Base64.getMimeEncoder(64, "\n".toByteArray()).encodeToString(bytes)
        return Files.writeString(directory.resolve(name), "-----BEGIN $type-----\n$text\n-----END $type-----\n")
    }

    private companion object {
        const val PASSWORD = "changeit"
    }
}
