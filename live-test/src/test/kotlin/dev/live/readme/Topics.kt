package dev.live.readme

import dev.live.client.LiveClient
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import dev.live.server.endpoint.LiveEndpoint
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlin.time.Duration.Companion.milliseconds

// The topic code of the README, and the types that it assumes.

@Serializable
internal class Vehicle(val id: String, val latitude: Double, val longitude: Double)

@Serializable
internal class Load(val percent: Int)

internal fun LiveEndpoint<User>.topics() {
    topic<Chat>("room/{room}") {
        history(size = 100) // replays messages missed while disconnected
        presence { meta.name } // members currently subscribed
    }
    topic<Vehicle>("fleet") { conflate { it.id } } // a slow client gets the newest message per vehicle
    topic<Load>("load") { throttle(100.milliseconds) } // at most ten messages per second
}

internal suspend fun CoroutineScope.room(live: LiveClient, show: (Any) -> Unit, reload: () -> Unit) {
    val room = live.topic<Chat>("room/lobby")
    launch { room.presence<Unit?>().collect { people -> show(people.keys) } }
    room.updates.collect { update ->
        when (update) {
            is TopicUpdate.Received -> show(update.value)
            is TopicUpdate.Subscribed -> if (update.recovery == Recovery.Gap) reload() // messages may be missing
        }
    }
}
