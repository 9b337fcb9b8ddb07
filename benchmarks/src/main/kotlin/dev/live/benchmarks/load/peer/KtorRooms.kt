package dev.live.benchmarks.load.peer

import io.ktor.server.websocket.DefaultWebSocketServerSession
import io.ktor.websocket.Frame
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.onSubscription
import kotlinx.coroutines.launch
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList

/**
 * A list of sessions per topic, and a loop over it that never suspends. This is the fastest common use of the plugin.
 */
internal class TrySendRooms : Rooms {
    private val rooms = ConcurrentHashMap<String, CopyOnWriteArrayList<DefaultWebSocketServerSession>>()

    override suspend fun subscribe(session: DefaultWebSocketServerSession, topic: String) {
        val room = rooms.computeIfAbsent(topic) { CopyOnWriteArrayList() }
        room += session
        session.coroutineContext[Job]?.invokeOnCompletion { room -= session }
    }

    override suspend fun publish(topic: String, payload: ByteArray) {
        val room = rooms[topic] ?: return
        for (session in room) session.outgoing.trySend(Frame.Text(true, payload))
    }
}

/** A `MutableSharedFlow` per topic that every session collects, as in Ktor's documentation. */
internal class FlowRooms : Rooms {
    private val rooms = ConcurrentHashMap<String, MutableSharedFlow<ByteArray>>()

    override suspend fun subscribe(session: DefaultWebSocketServerSession, topic: String) {
        val room = rooms.computeIfAbsent(topic) { MutableSharedFlow(extraBufferCapacity = 64) }
        val subscribed = CompletableDeferred<Unit>()
        session.launch {
            room.onSubscription { subscribed.complete(Unit) }.collect { session.outgoing.send(Frame.Text(true, it)) }
        }
        subscribed.await()
    }

    override suspend fun publish(topic: String, payload: ByteArray) {
        rooms[topic]?.emit(payload)
    }
}
