package dev.live.benchmarks.load.generator

/**
 * The options of `load`. A null selects the default of the scenario. Times are in seconds, [payload] in bytes.
 *
 * @property hot number of topics that receive publishes; null: all
 * @property publishers connections that publish to the topic of `fanout`. Each waits for its own publish, so their
 *   publishes arrive singly. One publisher writes the publishes that it replaces at the same time in one segment
 * @property isJson whether payloads are JSON objects, as compression needs them, and not a string of equal letters
 * @property offersCompression whether the clients offer compression
 * @property blockEvery in the scenario `blocking`, every N-th message has a handler that blocks
 * @property hold how long idle clients stay connected; null: until standard input ends
 */
internal class LoadPlan(
    val scenario: String,
    val port: Int,
    val host: String,
    val protocol: String = "live",
    val codec: String = "json",
    val subscribers: Int? = null,
    val topics: Int? = null,
    val hot: Int? = null,
    val inflight: Int? = null,
    val publishers: Int = 1,
    val blockEvery: Int = 100,
    val rate: Int = 50_000,
    val payload: Int = 128,
    val isJson: Boolean = false,
    val offersCompression: Boolean = false,
    val warmup: Double = 3.0,
    val seconds: Double = 5.0,
    val hold: Double? = null,
    val serverPid: Long? = null,
) {
    val wire: WireProtocol get() = WireProtocol.named(protocol, codec, offersCompression)

    /** A copy without a measured window. */
    fun warmUpOnly(): LoadPlan =
        LoadPlan(
            scenario,
            port,
            host,
            protocol,
            codec,
            payload = payload,
            isJson = isJson,
            offersCompression = offersCompression,
            warmup = warmup,
            seconds = 0.0,
        )
}
