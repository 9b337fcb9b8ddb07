package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.descriptors.PolymorphicKind
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.SerialKind
import kotlinx.serialization.descriptors.elementDescriptors
import kotlin.concurrent.Volatile

/**
 * Detects types that may contain a `JsonElement` and therefore need a [LiteralSerializer]. Returns true if the
 * descriptor does not exclude it.
 */
@OptIn(ExperimentalSerializationApi::class)
internal object JsonElementDetector {
    // Accessed by any thread. Copy-on-write: if two threads add a type at once, one entry is lost and computed again.
    @Volatile
    private var known: Map<SerialDescriptor, Boolean> = emptyMap()

    fun mayContain(type: SerialDescriptor): Boolean {
        known[type]?.let { return it }
        val mayContain = type.mayContainJson(HashSet())
        if (known.size < MAX_KNOWN) known = known + (type to mayContain)
        return mayContain
    }

    private fun SerialDescriptor.mayContainJson(seen: MutableSet<SerialDescriptor>): Boolean =
        when {
            isSealedValue() -> elementDescriptors.any { it.mayContainJson(seen) }
            isJson() || kind == PolymorphicKind.OPEN || kind == SerialKind.CONTEXTUAL -> true
            kind is PrimitiveKind || kind == SerialKind.ENUM || !seen.add(this) -> false
            else -> elementDescriptors.any { it.mayContainJson(seen) }
        }

    /** Whether this describes the `value` of a sealed type: the library adds one element per subclass. */
    private fun SerialDescriptor.isSealedValue() =
        kind == SerialKind.CONTEXTUAL && serialName.startsWith("kotlinx.serialization.Sealed<")

    /** Maximum number of cached types: more than an application uses. */
    private const val MAX_KNOWN = 1_000
}
