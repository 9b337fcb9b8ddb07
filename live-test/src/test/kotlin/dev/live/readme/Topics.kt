package dev.live.readme

import dev.live.client.LiveClient
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import dev.live.server.endpoint.LiveEndpoint
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlin.time.Duration.Companion.milliseconds

// What the README shows of what a topic can do, and what it takes for granted.

@Serializable
internal class Vehicle(val id: String, val latitude: Double, val longitude: Double)

@Serializable
internal class Load(val percent: Int)

internal fun LiveEndpoint<User>.topics() {
    topic<Chat>("room/{room}") {
        history(size = 100) // who was away gets what it missed
        presence { meta.name } // who is here
    }
    topic<Vehicle>("fleet") { conflate { it.id } } // a slow client gets the newest of each vehicle, and stays
    topic<Load>("load") { throttle(100.milliseconds) } // at most ten a second
}

internal suspend fun CoroutineScope.room(live: LiveClient, show: (Any) -> Unit, reload: () -> Unit) {
    val room = live.topic<Chat>("room/lobby")
    launch { room.presence<Unit>().collect { people -> show(people.keys) } }
    room.updates.collect { update ->
        when (update) {
            is TopicUpdate.Received -> show(update.value)
            is TopicUpdate.Subscribed -> if (update.recovery == Recovery.Gap) reload() // something may be missing
        }
    }
}
