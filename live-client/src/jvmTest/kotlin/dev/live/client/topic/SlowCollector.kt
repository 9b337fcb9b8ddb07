package dev.live.client.topic

import dev.live.client.Chat
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch

/** A collector that processes one message and then waits for [resume]. */
internal class SlowCollector {
    val resume = CompletableDeferred<Unit>()
    val texts = mutableListOf<String>()
    var error: Exception? = null
    lateinit var job: Job
}

internal fun CoroutineScope.collectSlowly(flow: Flow<Chat>): SlowCollector {
    val collector = SlowCollector()
    collector.job =
        launch {
            try {
                flow.collect {
                    collector.texts += it.text
                    collector.resume.await()
                }
            } catch (e: SlowCollectorException) {
                collector.error = e
            }
        }
    return collector
}
