package dev.live.client

/**
 * Makes a client of the server at [url], which starts to connect at once and keeps connecting until it is closed.
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
 * @throws IllegalArgumentException if [url] is not a WebSocket URL, or a setting does not go with another; the message
 *   names the part of the URL that is wrong
 */
public fun LiveClient(url: String, configure: LiveClientConfig.() -> Unit = {}): LiveClient =
    LiveClient(LiveClientConfig().apply(configure).build(url))
