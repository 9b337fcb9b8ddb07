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

/** What a page begins with: the last minute, and the place in the topic's history from which to go on. */
@Serializable
data class LastMinute(val position: Position, val samples: List<Sample>)

/** The server's own metrics, measured and published each [interval], and delivered to each page twice a second. */
fun Application.dashboard(interval: Duration = 100.milliseconds) {
    install(Live)
    val topic = live.topic("metrics")
    routing {
        live<Unit>("/live") {
            topic<Sample>("metrics") {
                conflate { it.metric } // of each metric the newest
                throttle(500.milliseconds) // to everybody
                history(size = 6_000, age = 60.seconds)
                onPublish { reject("only the server publishes here", ErrorCode.Forbidden) }
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
