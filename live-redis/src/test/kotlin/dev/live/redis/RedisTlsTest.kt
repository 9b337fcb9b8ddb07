package dev.live.redis

import dev.live.redis.support.Certificates
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TestNode
import dev.live.redis.support.awaitReason
import dev.live.redis.support.freePort
import dev.live.redis.support.newNamespace
import dev.live.redis.support.withNodes
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.lettuce.core.RedisConnectionException
import java.nio.file.Path
import java.security.cert.CertificateExpiredException
import javax.net.ssl.SSLHandshakeException
import kotlin.io.path.Path
import kotlin.io.path.writeText

/** A Redis with TLS and certificates of an own authority. */
class RedisTlsTest : FunSpec({
    val certificates = Certificates()
    val server = certificates.issue("server", "127.0.0.1", "localhost")
    val client = certificates.issue("client")
    val redis = TlsRedis(certificates.ca, server, "no")
    val strict = TlsRedis(certificates.ca, server, "yes")

    afterSpec {
        redis.close()
        strict.close()
        certificates.close()
    }

    test("a node publishes and receives through TLS with the certificate of the authority") {
        val node = TestNode(redis.url, newNamespace()) { tls { caFile = certificates.ca } }
        withNodes(node) {
            node.broker.subscribe("t", history = null)

            node.publish("t", "encrypted")

            node.nextText() shouldBe "encrypted"
        }
    }

    test("a Redis that requires client certificates accepts one of its authority") {
        val node =
            TestNode(strict.url, newNamespace()) {
                tls {
                    caFile = certificates.ca
                    certificateFile = client.certificate
                    keyFile = client.key
                }
            }
        withNodes(node) { node.publish("t", "x").shouldNotBeNull().offset shouldBe 1 }
    }

    test("a missing client certificate") {
        awaitReason(strict.url, "requires one", { tls { caFile = certificates.ca } }) shouldContain
            "Set tls { certificateFile; keyFile }"
    }

    test("a certificate of an unknown authority") {
        awaitReason(redis.url, "is not trusted") shouldContain "tls { caFile = ... }"
    }

    test("a certificate for another host is rejected, unless verifyHost is false") {
        TlsRedis(certificates.ca, certificates.issue("other", "redis.example"), "no").use { other ->
            awaitReason(other.url, "is for another host", { tls { caFile = certificates.ca } })
            val node =
                TestNode(other.url, newNamespace()) {
                    tls {
                        caFile = certificates.ca
                        verifyHost = false
                    }
                }
            withNodes(node) { node.publish("t", "x").shouldNotBeNull().offset shouldBe 1 }
        }
    }

    test("an expired certificate") {
        val handshake = SSLHandshakeException("failed").initCause(CertificateExpiredException("NotAfter: yesterday"))

        describeFailure("host:1", RedisConnectionException("failed", handshake)) shouldBe
            "The certificate of Redis at host:1 is not valid at this time (NotAfter: yesterday). Renew it, or set " +
            "the clock."
    }

    test("TLS to a port without TLS, and the reverse") {
        awaitReason(redis.plainUrl.replace("redis:", "rediss:"), "the scheme redis instead of rediss")
        awaitReason(redis.url.replace("rediss:", "redis:"), "use the scheme rediss")
    }

    test("missing and unreadable files are errors that name the setting") {
        fun messageOf(configure: RedisTlsConfig.() -> Unit) =
            shouldThrow<IllegalArgumentException> {
                RedisBroker("rediss://localhost") {
                    namespace = "test"
                    tls(configure)
                }
            }.message!!

        messageOf { caFile = Path("missing.pem") } shouldBe
            "tls.caFile missing.pem does not exist or is not readable"
        messageOf { certificateFile = client.certificate } shouldContain "only one of certificateFile and keyFile"
        messageOf { keyPassword = "secret" } shouldBe "tls has a keyPassword, but no keyFile"
        messageOf {
            certificateFile = client.certificate
            keyFile = client.certificate
        } shouldContain "a file of tls cannot be read: ${client.certificate} or ${client.certificate}"
        val text = certificates.ca.resolveSibling("text.pem").apply { writeText("no certificate") }
        messageOf { caFile = text } shouldContain "Expected: PEM files"
    }

    test("tls with a URL without TLS is an error") {
        shouldThrow<IllegalArgumentException> {
            RedisBroker("redis://localhost") {
                namespace = "test"
                tls { verifyHost = false }
            }
        }.message shouldBe "tls is set, but the Redis URL has no TLS. Use the scheme rediss."
    }
})

/** A Redis with a port for TLS and one without. */
private class TlsRedis(ca: Path, pair: Certificates.Pair, clients: String) : AutoCloseable {
    private val port = freePort()
    private val server =
        RedisServer(
            isPersistent = false,
            *arrayOf("--tls-port", "$port", "--tls-ca-cert-file", "$ca", "--tls-auth-clients", clients),
            *arrayOf("--tls-cert-file", "${pair.certificate}", "--tls-key-file", "${pair.key}"),
        )
    val url: String = "rediss://127.0.0.1:$port"
    val plainUrl: String = server.url

    override fun close(): Unit = server.close()
}
