package dev.live.server

import dev.live.server.operate.PublishApi
import dev.live.server.operate.PublishSettings
import io.ktor.server.routing.Route
import io.ktor.server.routing.application
import io.ktor.server.routing.post
import io.ktor.utils.io.KtorDsl
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/**
 * Lets backends in any language publish: `POST` to [path] with a key and JSON, one publish or a list of them.
 *
 * ```
 * livePublish("/publish") { key(System.getenv("LIVE_PUBLISH_KEY")) }
 * ```
 *
 * A topic must be one that an endpoint declares, and its payload what the topic's type reads. As what the server itself
 * publishes, it goes to the subscribers as it is: the topic's `authorize` and `onPublish` are for clients, and not asked.
 * See docs/publishing-over-http.md.
 *
 * @throws IllegalStateException if there is no key, or [Live] is not installed
 */
public fun Route.livePublish(path: String, configure: PublishConfig.() -> Unit) {
    val settings = PublishConfig(path).apply(configure).build()
    val server = application.live
    val api = PublishApi(server.context, server.declared, settings, server::sendToUser)
    post(path) { api.answer(call) }
}

/** What [livePublish] needs to know. */
@KtorDsl
public class PublishConfig internal constructor(private val path: String) {
    private val keys = mutableListOf<String>()

    /**
     * A key that may publish to every declared topic and reach every user. Name two while you replace one by the other.
     *
     * @param value at least 32 bytes that nobody can guess, such as of `openssl rand -hex 32`. Null, as from an environment
     *   variable that is not set, is refused
     * @throws IllegalArgumentException if it is null or shorter
     */
    public fun key(value: String?) {
        requireNotNull(value) { "livePublish(\"$path\") got no key: what it is taken from is not set" }
        val size = value.encodeToByteArray().size
        require(size >= MIN_KEY_BYTES) {
            "a key of livePublish(\"$path\") must be at least $MIN_KEY_BYTES bytes, was $size; make one with: openssl rand -hex 32"
        }
        require(value.none { it.isWhitespace() || it.isISOControl() }) {
            "a key of livePublish(\"$path\") must not have white space, which no header would carry"
        }
        keys += value
    }

    /** Largest body of a request, in bytes, 1 to 16 MiB; larger ones are answered with 413. Default 256 KiB. */
    public var maxBodyBytes: Int = 256 * 1024
        set(value) {
            require(value in 1..MAX_BODY_BYTES) { "maxBodyBytes must be 1 to $MAX_BODY_BYTES, was $value" }
            field = value
        }

    /** Most publishes of one request, at least 1; longer lists are answered with 413. Default 100. */
    public var maxBatch: Int = 100
        set(value) {
            require(value >= 1) { "maxBatch must be at least 1 publish, was $value" }
            field = value
        }

    /**
     * For how long a request that comes again with its `Idempotency-Key` is answered as the first time and not carried out
     * again, on this node. Positive and finite. Default 10 minutes. At most 10,000 such keys are kept, further ones are
     * answered with 429.
     */
    public var idempotencyWindow: Duration = 10.minutes
        set(value) {
            require(value.isPositive() && value.isFinite()) {
                "idempotencyWindow must be positive and finite, was $value"
            }
            field = value
        }

    internal fun build(): PublishSettings {
        check(keys.isNotEmpty()) {
            "livePublish(\"$path\") has no key, so everybody could publish. Add key(System.getenv(\"LIVE_PUBLISH_KEY\"))."
        }
        return PublishSettings(keys.toList(), maxBodyBytes, maxBatch, idempotencyWindow)
    }

    private companion object {
        const val MIN_KEY_BYTES = 32
        const val MAX_BODY_BYTES = 16 * 1024 * 1024
    }
}
