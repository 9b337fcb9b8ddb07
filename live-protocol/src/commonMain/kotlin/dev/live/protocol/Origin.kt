package dev.live.protocol

/**
 * The `topic` and `ref` of a message that was refused, as far as they can be read: the answer carries them.
 *
 * Collected by a second walk over the message, so a message that is accepted pays nothing for it.
 */
internal class Origin {
    private var topic: String? = null
    private var ref: String? = null
    private var topics = 0
    private var refs = 0

    /** Takes the [text] of [field], or null if it is none. A field that occurs twice says nothing. */
    fun add(field: String, text: String?) {
        if (field == Field.TOPIC) {
            topics++
            topic = text
        } else {
            refs++
            ref = text
        }
    }

    /** [refusal], with the topic and ref. */
    fun of(refusal: MalformedMessageException): MalformedMessageException {
        val topic = topic?.takeIf { topics == 1 && isValid { Message(TYPE, topic = it) } }.orEmpty()
        val ref = ref?.takeIf { refs == 1 && isValid { Message(TYPE, ref = it) } }.orEmpty()
        if (topic.isEmpty() && ref.isEmpty()) return refusal
        return MalformedMessageException(refusal.reason, refusal.cause, topic, ref)
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
