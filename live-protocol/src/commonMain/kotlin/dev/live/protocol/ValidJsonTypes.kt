package dev.live.protocol

import kotlinx.serialization.InternalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationStrategy
import kotlinx.serialization.builtins.nullable
import kotlinx.serialization.builtins.serializer
import kotlinx.serialization.internal.GeneratedSerializer
import kotlin.concurrent.Volatile

/**
 * Detects types with JSON that is valid by construction, apart from unpaired surrogates in a text: primitives, and
 * classes that have a generated serializer and only properties of such types. Returns false for all others, because a
 * serializer of the application can write invalid literals, repeated names or any depth.
 */
@OptIn(InternalSerializationApi::class)
internal object ValidJsonTypes {
    private val primitives: Set<KSerializer<*>> = buildSet {
        for (serializer in listOf(Byte.serializer(), Short.serializer(), Int.serializer(), Long.serializer())) {
            add(serializer)
            add(serializer.nullable)
        }
        add(Boolean.serializer())
        add(Boolean.serializer().nullable)
        add(Double.serializer())
        add(Double.serializer().nullable)
        add(String.serializer())
        add(String.serializer().nullable)
    }

    // Accessed by any thread. Copy-on-write: if two threads add a type at once, one entry is lost and computed again.
    @Volatile
    private var known: Map<GeneratedSerializer<*>, Boolean> = emptyMap()

    operator fun contains(serializer: SerializationStrategy<*>): Boolean {
        if (serializer !is GeneratedSerializer<*>) return serializer in primitives
        known[serializer]?.let { return it }
        val isValid = isValid(serializer, MAX_DEPTH)
        if (known.size < MAX_KNOWN) known = known + (serializer to isValid)
        return isValid
    }

    private fun isValid(serializer: KSerializer<*>, depth: Int): Boolean =
        when {
            serializer in primitives -> true
            serializer is GeneratedSerializer<*> && depth > 0 ->
                serializer.childSerializers().all { isValid(it, depth - 1) }
            else -> false
        }

    /** Ends the search in recursive types: their values may nest to any depth. */
    private const val MAX_DEPTH = 8

    /** Maximum number of cached types: more than an application uses. */
    private const val MAX_KNOWN = 1_000
}
