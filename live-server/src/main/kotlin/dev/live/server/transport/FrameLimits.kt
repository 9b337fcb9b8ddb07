package dev.live.server.transport

/**
 * Limits of one inbound message.
 *
 * @property maxMessageSize bytes
 * @property fragments number of frames
 */
internal class FrameLimits(val maxMessageSize: Int, val fragments: Int = maxMessageSize)
