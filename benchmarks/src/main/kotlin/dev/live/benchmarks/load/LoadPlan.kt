package dev.live.benchmarks.load

import dev.live.benchmarks.Options
import dev.live.benchmarks.UsageException

/**
 * The options of `load`. A null selects the default of the scenario. Times are in seconds, [payload] in bytes.
 *
 * @property hot number of topics that receive publishes; null: all
 * @property hold how long idle clients stay connected; null: until standard input ends
 */
internal class LoadPlan(
    val scenario: String,
    val port: Int,
    val host: String = "127.0.0.1",
    val protocol: String = "live",
    val codec: String = "json",
    val subscribers: Int? = null,
    val topics: Int? = null,
    val hot: Int? = null,
    val inflight: Int? = null,
    val rate: Int = 50_000,
    val payload: Int = 128,
    val warmup: Double = 3.0,
    val seconds: Double = 5.0,
    val hold: Double? = null,
    val serverPid: Long? = null,
) {
    init {
        if (hot != null && hot < 1) throw UsageException("--hot must be at least 1 topic, was $hot")
    }

    val wire: WireProtocol get() = WireProtocol.named(protocol, codec)

    /** A copy without a measured window. */
    fun warmUpOnly(): LoadPlan =
        LoadPlan(scenario, port, host, protocol, codec, payload = payload, warmup = warmup, seconds = 0.0)

    companion object {
        val OPTIONS =
            setOf(
                "port",
                "host",
                "protocol",
                "scenario",
                "subscribers",
                "topics",
                "hot",
                "inflight",
                "rate",
                "payload",
                "codec",
                "warmup",
                "seconds",
                "server-pid",
                "json",
            )

        fun of(options: Options): LoadPlan =
            LoadPlan(
                scenario =
                    options.choice("scenario", "fanout", "topics", "echo", "rate", "idle", "flat", "many"),
                port = options.required("port"),
                host = options.text("host", "127.0.0.1"),
                protocol = options.choice("protocol", "live", "plain", "socketio", "stomp"),
                codec = options.choice("codec", "json", "cbor", "msgpack"),
                subscribers = options.int("subscribers"),
                topics = options.int("topics"),
                hot = options.int("hot"),
                inflight = options.int("inflight"),
                rate = options.int("rate", 50_000),
                payload = options.int("payload", 128),
                warmup = options.text("warmup", "3").toDouble(),
                seconds = options.text("seconds", "5").toDouble(),
                hold = options.text("seconds")?.toDouble(),
                serverPid = options.int("server-pid")?.toLong(),
            )
    }
}
