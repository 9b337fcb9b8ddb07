package dev.live.client

import dev.live.client.topic.OutboxCapacity
import io.ktor.utils.io.KtorDsl

/**
 * Settings of `outbox { ... }`. A message that waits longer than the timeout of its `publish` or `request` is no
 * longer sent.
 */
@KtorDsl
public class OutboxConfig internal constructor() {
    /**
     * Maximum number of messages, at least 1. When it is reached, `publish` suspends and `tryPublish` returns false.
     * Default 64.
     */
    public var messages: Int = 64
        set(value) {
            require(value >= 1) { "outbox messages must be at least 1, was $value" }
            field = value
        }

    /**
     * Maximum total payload in bytes, at least 1. A larger payload is accepted if the outbox is empty. Default 1 MiB.
     */
    public var bytes: Int = 1024 * 1024
        set(value) {
            require(value >= 1) { "outbox bytes must be at least 1, was $value" }
            field = value
        }

    internal fun build() = OutboxCapacity(messages, bytes)
}
