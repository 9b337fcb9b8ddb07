package dev.live.server.session

/** The topics that the session's endpoint declares. */
internal fun interface EndpointTopics<Meta : Any> {
    /**
     * Returns the handlers of the declaration that matches [topic].
     *
     * @throws dev.live.protocol.LiveException with `unknown_topic` if no declaration matches
     */
    fun handlersOf(topic: String): TopicHandlers<Meta>
}
