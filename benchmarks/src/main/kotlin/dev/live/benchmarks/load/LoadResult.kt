package dev.live.benchmarks.load

import kotlinx.serialization.Serializable

/**
 * What one run of one scenario against one server gave. Latencies are in microseconds.
 *
 * @property subscribers clients that get messages; each has at least one topic
 * @property generatorCpu share of a core that the generator itself used: near 1, it was the limit and not the server
 * @property failure why the run counts for nothing, or null
 */
@Serializable
internal data class LoadResult(
    val scenario: String,
    val protocol: String,
    val codec: String? = null,
    val subscribers: Int,
    val topics: Int,
    val inflight: Int? = null,
    val rate: Int? = null,
    val payload: Int,
    val seconds: Double = 0.0,
    val deliveries: Long = 0,
    val deliveriesPerSecond: Double = 0.0,
    val lost: Long = 0,
    val duplicates: Long = 0,
    val outOfOrder: Long = 0,
    val p50: Double = 0.0,
    val p99: Double = 0.0,
    val p999: Double = 0.0,
    val serverCpuSeconds: Double? = null,
    val serverCpuPerMillion: Double? = null,
    val serverResidentBytes: Long? = null,
    val generatorCpu: Double? = null,
    val memory: MemoryGrowth? = null,
    val failure: String? = null,
)

/**
 * What [count] idle sessions or topics cost the server.
 *
 * @property heapBytes growth of the live heap over all of them, after full collections; null for servers without a JVM
 * @property residentBytes growth of the resident memory, which a JVM takes and gives back as it likes
 * @property classes the classes that grew most, of the live heap
 */
@Serializable
internal data class MemoryGrowth(
    val count: Int,
    val heapBytes: Long? = null,
    val residentBytes: Long? = null,
    val classes: List<ClassGrowth> = emptyList(),
)

/** How much the live instances of one class grew. */
@Serializable
internal data class ClassGrowth(val name: String, val instances: Long, val bytes: Long)
