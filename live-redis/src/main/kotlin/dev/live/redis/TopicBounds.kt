package dev.live.redis

import dev.live.server.broker.HistoryBounds
import java.security.SecureRandom
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days

/** Longer than any history is useful; an infinite age would exceed Redis's range. */
private val MAX_AGE = 3_650.days

/** How much longer than its messages a topic keeps its epoch without a use: clients can recover until then. */
internal val TOPIC_RETENTION: Duration = 1.days

internal val HistoryBounds.ageMillis: Long get() = minOf(age, MAX_AGE).inWholeMilliseconds.coerceAtLeast(1)

/** How long Redis keeps a topic that is not used. */
internal val HistoryBounds.retentionMillis: Long get() = ageMillis + TOPIC_RETENTION.inWholeMilliseconds

private val random = SecureRandom()

/** 64 random bits: the names of epochs and publishers are never used twice. */
internal fun randomName(): String = random.nextLong().toULong().toString(radix = 36)
