package dev.live.server.transport

/**
 * What a client may send in one message.
 *
 * @property maxMessageSize bytes
 * @property fragments how many frames
 */
internal class FrameLimits(val maxMessageSize: Int, val fragments: Int = maxMessageSize)
