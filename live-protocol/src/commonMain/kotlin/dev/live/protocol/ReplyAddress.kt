package dev.live.protocol

/**
 * The `topic` and `ref` of a rejected message, as far as they are readable. The `error` message contains them.
 *
 * Collected by a second pass over the message, so an accepted message has no extra cost.
 */
internal class ReplyAddress {
    private var topic: String? = null
    private var ref: String? = null
    private var topics = 0
    private var refs = 0

    /** Adds the [text] of [field]; null if its value is not text. A field that occurs twice is ignored. */
    fun add(field: String, text: String?) {
        if (field == Field.TOPIC) {
            topics++
            topic = text
        } else {
            refs++
            ref = text
        }
    }

    /** Returns [error] with the topic and ref. */
    fun addTo(error: MalformedMessageException): MalformedMessageException {
        val topic = topic?.takeIf { topics == 1 && isValid { Message(TYPE, topic = it) } }.orEmpty()
        val ref = ref?.takeIf { refs == 1 && isValid { Message(TYPE, ref = it) } }.orEmpty()
        if (topic.isEmpty() && ref.isEmpty()) return error
        return MalformedMessageException(error.reason, error.cause, topic, ref)
    }

    private inline fun isValid(make: () -> Message): Boolean =
        try {
            make()
            true
        } catch (_: IllegalArgumentException) {
            false
        }

    private companion object {
        const val TYPE = MessageType.ERROR
    }
}
