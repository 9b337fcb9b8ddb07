package dev.live.benchmarks.load.generator

import kotlinx.serialization.Serializable

/**
 * The result of one scenario against one server. Latencies are in microseconds.
 *
 * @property subscribers clients that receive messages; each has at least one topic
 * @property publishers connections that publish to the same topic; null: one
 * @property framesPerRead deliveries that a subscriber's read of its socket returns, on average over the reads that
 *   return any. A slow generator increases it: the server's writes then wait in the socket
 * @property slow messages whose handler blocks. All other latencies exclude them
 * @property generatorCpu share of a core that the generator used; near 1, the generator was the limit and not the
 *   server
 * @property otherCpu CPU time of all other processes on the machine during the measurement, in cores
 * @property steal time that the hypervisor gave to other machines, in cores
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
    val publishers: Int? = null,
    val rate: Int? = null,
    val payload: Int,
    val seconds: Double = 0.0,
    val deliveries: Long = 0,
    val deliveriesPerSecond: Double = 0.0,
    val framesPerRead: Double? = null,
    val lost: Long = 0,
    val duplicates: Long = 0,
    val outOfOrder: Long = 0,
    val p50: Double = 0.0,
    val p99: Double = 0.0,
    val p999: Double = 0.0,
    val slow: SlowMessages? = null,
    val serverCpuSeconds: Double? = null,
    val serverCpuPerMillion: Double? = null,
    val serverResidentBytes: Long? = null,
    val generatorCpu: Double? = null,
    val otherCpu: Double? = null,
    val steal: Double? = null,
    val memory: MemoryGrowth? = null,
    val failure: String? = null,
)

/** Messages whose handler blocks: how many were answered, and their median latency in microseconds. */
@Serializable
internal data class SlowMessages(val count: Long, val p50: Double)

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
