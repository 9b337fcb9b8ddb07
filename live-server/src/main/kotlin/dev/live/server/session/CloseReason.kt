package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.server.frame.wellFormed

/**
 * The reason why a session ended.
 *
 * @property code the code of the close frame that was sent or received; [CloseCode.Abnormal] if the connection was lost
 * @property reason a short human-readable sentence; empty if the client sent the close frame. U+FFFD replaces unpaired
 *   surrogates
 * @property byClient whether the client ended the session: it sent a close frame, or its connection was lost
 */
public class CloseReason internal constructor(
    public val code: CloseCode,
    reason: String,
    public val byClient: Boolean,
) {
    public val reason: String = reason.wellFormed()

    override fun toString(): String = "$code ($reason${if (byClient) ", by the client" else ""})"
}
