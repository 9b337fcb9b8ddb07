package dev.live.server

import dev.live.server.config.atLeast
import dev.live.server.config.checked
import dev.live.server.config.inRange
import dev.live.server.config.positiveAndFinite
import dev.live.server.operate.PublishApi
import dev.live.server.operate.PublishSettings
import io.ktor.server.routing.Route
import io.ktor.server.routing.application
import io.ktor.server.routing.post
import io.ktor.utils.io.KtorDsl
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/**
 * An HTTP API at [path] for backends in any language: `POST` a JSON object, or a list of objects, to publish messages.
 * Requests are authenticated by a key.
 *
 * ```
 * livePublish("/publish") { key(System.getenv("LIVE_PUBLISH_KEY")) }
 * ```
 *
 * The topic must be declared by an endpoint, and the payload must match the type of the topic. The message is delivered
 * to the subscribers unchanged: `authorize` and `onPublish` apply to clients only and are not called.
 * See docs/publishing-over-http.md.
 *
 * @throws IllegalStateException if no key is configured, or [Live] is not installed
 */
public fun Route.livePublish(path: String, configure: PublishConfig.() -> Unit) {
    val settings = PublishConfig(path).apply(configure).build()
    val server = application.live
    val api = PublishApi(server.context, server.declared, settings, server::sendToUserOnAllNodes)
    post(path) { api.handle(call) }
}

/** Settings of [livePublish]. */
@KtorDsl
public class PublishConfig internal constructor(private val path: String) {
    private val keys = mutableListOf<String>()

    /**
     * Adds a key that permits publishing to every declared topic and sending to every user. Add the old and the new key
     * while you rotate keys.
     *
     * @param value at least 32 random bytes, such as the output of `openssl rand -hex 32`. Null, as returned for an
     *   environment variable that is not set, is rejected
     * @throws IllegalArgumentException if [value] is null, too short, or contains white space or control characters
     */
    public fun key(value: String?) {
        requireNotNull(value) {
            "the key of livePublish(\"$path\") is null. Set the environment variable or property that it is read from."
        }
        val size = value.encodeToByteArray().size
        require(size >= MIN_KEY_BYTES) {
            "a key of livePublish(\"$path\") must be at least $MIN_KEY_BYTES bytes, was $size. " +
                "Generate one with: openssl rand -hex 32"
        }
        require(value.none { it.isWhitespace() || it.isISOControl() }) {
            "a key of livePublish(\"$path\") must not contain white space or control characters"
        }
        keys += value
    }

    /** Largest request body, in bytes, 1 to 16 MiB; larger bodies are rejected with 413. Default 256 KiB. */
    public var maxBodyBytes: Int by checked(256 * 1024, inRange(1..MAX_BODY_BYTES))

    /** Maximum number of publishes in one request, at least 1; longer lists are rejected with 413. Default 100. */
    public var maxBatch: Int by checked(100, atLeast(1, "publish"))

    /**
     * How long this node remembers an `Idempotency-Key`. A repeated request within this time receives the stored
     * response and is not executed again. Positive and finite. Default 10 minutes. At most 10,000 keys are stored;
     * requests with further keys are rejected with 429.
     */
    public var idempotencyWindow: Duration by checked(10.minutes, positiveAndFinite)

    internal fun build(): PublishSettings {
        check(keys.isNotEmpty()) {
            "livePublish(\"$path\") has no key, so any client could publish. " +
                "Add key(System.getenv(\"LIVE_PUBLISH_KEY\"))."
        }
        return PublishSettings(keys.toList(), maxBodyBytes, maxBatch, idempotencyWindow)
    }

    private companion object {
        const val MIN_KEY_BYTES = 32
        const val MAX_BODY_BYTES = 16 * 1024 * 1024
    }
}
