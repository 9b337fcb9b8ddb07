package dev.live.samples.dashboard

import dev.live.protocol.ErrorCode
import dev.live.protocol.Position
import dev.live.protocol.decode
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.topic.publish
import io.ktor.http.ContentType
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.http.content.staticResources
import io.ktor.server.response.respondText
import io.ktor.server.routing.get
import io.ktor.server.routing.routing
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** One value of one metric, at a time in milliseconds since 1970. */
@Serializable
data class Sample(val metric: String, val at: Long, val value: Double)

/** Initial data of a page: the samples of the last minute, and the history position to continue from. */
@Serializable
data class LastMinute(val position: Position, val samples: List<Sample>)

/** Measures and publishes the server's own metrics every [interval]. Each page receives them twice a second. */
fun Application.dashboard(interval: Duration = 100.milliseconds) {
    install(Live)
    val topic = live.topic("metrics")
    routing {
        live<Unit>("/live") {
            topic<Sample>("metrics") {
                conflate { it.metric } // keeps the newest value of each metric
                throttle(500.milliseconds) // for every subscriber
                history(size = 6_000, age = 60.seconds)
                onPublish { reject("clients cannot publish to this topic", ErrorCode.Forbidden) }
            }
        }
        get("/last-minute") {
            val page = topic.history()
            val lastMinute = LastMinute(page.position, page.messages.map { it.decode<Sample>() })
            call.respondText(Json.encodeToString(lastMinute), ContentType.Application.Json)
        }
        staticResources("/", "web")
    }
    launch {
        val metrics = Metrics(live, topic)
        while (true) {
            metrics.measure().forEach { topic.publish(it) }
            delay(interval)
        }
    }
}
