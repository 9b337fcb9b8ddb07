package dev.live.server.config

import kotlin.properties.Delegates
import kotlin.properties.ReadWriteProperty
import kotlin.time.Duration

/**
 * The values that a setting accepts.
 *
 * @property allowed the accepted values, for the table in docs/configuration.md; null for all values of the type
 * @property verify throws [IllegalArgumentException] if the second argument is not accepted; the first is the name of
 *   the setting in the message
 */
internal class Check<in T>(val allowed: String?, val verify: (String, T) -> Unit) {
    /** @param requirement the predicate of the error message, such as "must be at least 1" */
    constructor(allowed: String, requirement: String, isAccepted: (T) -> Boolean) :
        this(allowed, { label, value -> require(isAccepted(value)) { "$label $requirement, was $value" } })

    companion object {
        /** Accepts all values. */
        val None = Check<Any?>(allowed = null) { _, _ -> }
    }
}

/** @param unit the unit in the error message, such as "bytes" */
internal fun atLeast(least: Int, unit: String = ""): Check<Int> =
    Check("at least $least", "must be at least $least $unit".trimEnd()) { it >= least }

internal fun atLeast(least: Duration): Check<Duration> =
    Check("at least $least", "must be at least $least") { it >= least }

internal fun inRange(range: IntRange): Check<Int> =
    Check("at least ${range.first}, at most ${range.last}", "must be ${range.first} to ${range.last}") { it in range }

internal val positive: Check<Duration> = Check("more than 0s", "must be positive") { it.isPositive() }

internal val positiveAndFinite: Check<Duration> =
    Check("more than 0s, finite", "must be positive and finite") { it.isPositive() && it.isFinite() }

internal val notNegative: Check<Duration> = Check("at least 0s", "must not be negative") { !it.isNegative() }

internal val notNegativeAndFinite: Check<Duration> =
    Check("at least 0s, finite", "must not be negative, and must be finite") { !it.isNegative() && it.isFinite() }

/** A property that a configuration file cannot set. Its name is the name of the setting in error messages. */
internal fun <T> checked(default: T, check: Check<T>): ReadWriteProperty<Any?, T> =
    Delegates.vetoable(default) { property, _, value ->
        check.verify(property.name, value)
        true
    }
