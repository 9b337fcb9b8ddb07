package dev.live.server.transport

/**
 * What a client may send in one message.
 *
 * @property messageSize bytes
 * @property fragments how many frames
 */
internal class FrameLimits(val messageSize: Int, val fragments: Int = messageSize)
