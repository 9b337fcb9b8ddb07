package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.descriptors.PolymorphicKind
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.SerialKind
import kotlinx.serialization.descriptors.elementDescriptors
import kotlin.concurrent.Volatile

/**
 * Whether values of a type may hold trees of JSON, which [LiteralSerializer] is for. Where the descriptor does not say,
 * they may.
 */
@OptIn(ExperimentalSerializationApi::class)
internal object HoldsJson {
    // Read by any thread. Copied for each type that is new; of two threads that add one, either may win.
    @Volatile
    private var known: Map<SerialDescriptor, Boolean> = emptyMap()

    operator fun invoke(type: SerialDescriptor): Boolean {
        known[type]?.let { return it }
        val holdsJson = type.mayHoldJson(HashSet())
        if (known.size < MAX_KNOWN) known = known + (type to holdsJson)
        return holdsJson
    }

    private fun SerialDescriptor.mayHoldJson(seen: MutableSet<SerialDescriptor>): Boolean =
        when {
            isSubclasses() -> elementDescriptors.any { it.mayHoldJson(seen) }
            isJson() || kind == PolymorphicKind.OPEN || kind == SerialKind.CONTEXTUAL -> true
            kind is PrimitiveKind || kind == SerialKind.ENUM || !seen.add(this) -> false
            else -> elementDescriptors.any { it.mayHoldJson(seen) }
        }

    /** What a sealed type has for its `value`: an element for each subclass, where the library made the descriptor. */
    private fun SerialDescriptor.isSubclasses() =
        kind == SerialKind.CONTEXTUAL && serialName.startsWith("kotlinx.serialization.Sealed<")

    /** More types than an application has payloads of. */
    private const val MAX_KNOWN = 1_000
}
