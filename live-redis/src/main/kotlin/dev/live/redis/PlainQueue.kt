package dev.live.redis

/** The publications of topics without a history that were not sent. Guarded by the [Outbox]. */
internal class PlainQueue {
    private val waiting = ArrayDeque<PendingPublication>()

    /** Those whose server was not connected when they were to be sent. */
    private val parked = ArrayDeque<PendingPublication>()

    val all: List<PendingPublication> get() = parked + waiting

    fun add(publication: PendingPublication) {
        waiting += publication
    }

    /** [publication] was not executed, and is sent again. Returns false if its caller no longer waits. */
    fun again(publication: PendingPublication): Boolean {
        publication.wasSent = false
        if (!publication.isAbandoned) waiting.addFirst(publication)
        return !publication.isAbandoned
    }

    fun remove(publication: PendingPublication) {
        if (!waiting.remove(publication)) parked.remove(publication)
    }

    /** Removes the publications to send, at most [max]. Others than those of [canSend] wait for [connected]. */
    fun take(max: Int, canSend: (String) -> Boolean): List<PendingPublication> {
        val taken = ArrayList<PendingPublication>(minOf(waiting.size, max))
        while (taken.size < max) {
            val next = waiting.removeFirstOrNull() ?: break
            if (canSend(next.topic)) {
                next.wasSent = true
                taken += next
            } else {
                parked += next
            }
        }
        return taken
    }

    fun connected() {
        waiting.addAll(0, parked)
        parked.clear()
    }
}
