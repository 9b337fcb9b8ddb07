package dev.live.redis

import io.ktor.utils.io.KtorDsl
import io.lettuce.core.SslOptions
import java.nio.file.Files
import java.nio.file.Path
import kotlin.time.Duration
import kotlin.time.toJavaDuration

/**
 * TLS settings of a [RedisBroker] with a URL that starts with `rediss`. All are optional: by default, the certificate
 * of Redis must be signed by an authority that the JVM trusts, and contain the host of the URL.
 *
 * Files are in PEM format. They are read for each connection, so that replaced files are used from the next one on.
 */
@KtorDsl
public class RedisTlsConfig internal constructor() {
    /** Certificates of the authorities to trust instead of those of the JVM. */
    public var caFile: Path? = null

    /** Certificate of this client, with its chain. Needs [keyFile]. Redis requires one with `tls-auth-clients yes`. */
    public var certificateFile: Path? = null

    /** Private key of [certificateFile], PKCS #8 (`BEGIN PRIVATE KEY` or `BEGIN ENCRYPTED PRIVATE KEY`). */
    public var keyFile: Path? = null

    /** Password of [keyFile]; null if it is not encrypted. */
    public var keyPassword: String? = null

    /**
     * Whether the certificate must contain the host that this node connects to. Set it to false only if the
     * certificates of a private [caFile] contain no addresses. Default: true.
     */
    public var verifyHost: Boolean = true

    internal fun build(): RedisTls {
        require((certificateFile == null) == (keyFile == null)) {
            "tls has only one of certificateFile and keyFile. Set both for a client certificate, or none."
        }
        require(keyPassword == null || keyFile != null) { "tls has a keyPassword, but no keyFile" }
        for ((name, file) in listOf("caFile" to caFile, "certificateFile" to certificateFile, "keyFile" to keyFile)) {
            require(file == null || Files.isReadable(file)) { "tls.$name $file does not exist or is not readable" }
        }
        return RedisTls(caFile, certificateFile, keyFile, keyPassword, verifyHost).also { it.check() }
    }
}

/** The checked settings of [RedisTlsConfig]. */
internal class RedisTls(
    private val caFile: Path? = null,
    private val certificateFile: Path? = null,
    private val keyFile: Path? = null,
    private val keyPassword: String? = null,
    val verifiesHost: Boolean = true,
) {
    /** @throws IllegalArgumentException if a file has no certificate or key in it */
    fun check() {
        try {
            options(handshakeTimeout = Duration.ZERO).createSslContextBuilder().build()
        } catch (e: Exception) {
            // the types depend on the providers of the JVM
            val files = listOfNotNull(caFile, certificateFile, keyFile).joinToString(" or ")
            throw IllegalArgumentException(
                "a file of tls cannot be read: $files (${e.cause?.message ?: e.message}). Expected: PEM files, and a " +
                    "key in PKCS #8, such as by 'openssl pkcs8 -topk8 -in key.pem'.",
                e,
            )
        }
    }

    fun options(handshakeTimeout: Duration): SslOptions {
        val builder = SslOptions.builder().jdkSslProvider().handshakeTimeout(handshakeTimeout.toJavaDuration())
        if (caFile != null) builder.trustManager(caFile.toFile())
        if (certificateFile != null && keyFile != null) {
            builder.keyManager(certificateFile.toFile(), keyFile.toFile(), keyPassword.orEmpty().toCharArray())
        }
        return builder.build()
    }
}
