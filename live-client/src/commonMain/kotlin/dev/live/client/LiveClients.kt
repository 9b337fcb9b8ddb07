package dev.live.client

/**
 * Creates a client of the server at [url]. It connects immediately and reconnects until it is closed.
 *
 * ```
 * val live = LiveClient("wss://example.com/live") {
 *     bearer { tokens.fresh() }
 * }
 * val room = live.topic<Chat>("room/42")
 * launch { room.messages.collect { println("${it.from}: ${it.text}") } }
 * room.publish(Chat("ann", "hello"))
 * ```
 *
 * @param url `ws://` or `wss://`
 * @throws IllegalArgumentException if [url] is not a WebSocket URL, or settings contradict each other; the message
 *   names the invalid part of the URL
 */
public fun LiveClient(url: String, configure: LiveClientConfig.() -> Unit = {}): LiveClient =
    LiveClient(LiveClientConfig().apply(configure).build(url))
