package dev.live.benchmarks.load.generator

import kotlinx.serialization.Serializable

/**
 * The result of one scenario against one server. Latencies are in microseconds.
 *
 * @property subscribers clients that receive messages; each has at least one topic
 * @property generatorCpu share of a core that the generator used; near 1, the generator was the limit and not the
 *   server
 * @property failure reason reason this result is invalid, or null
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
 * The server's memory for [count] idle sessions or topics.
 *
 * @property heapBytes growth of the live heap over all of them, after full collections; null for servers without a JVM
 * @property residentBytes growth of the resident memory, which a JVM allocates and releases at its own discretion
 * @property classes the classes with the largest growth of the live heap
 */
@Serializable
internal data class MemoryGrowth(
    val count: Int,
    val heapBytes: Long? = null,
    val residentBytes: Long? = null,
    val classes: List<ClassGrowth> = emptyList(),
)

/** The growth of the live instances of one class. */
@Serializable
internal data class ClassGrowth(val name: String, val instances: Long, val bytes: Long)
