package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.server.frame.wellFormed

/**
 * Why a session ended.
 *
 * @property code what was written on the wire, or read from it; [CloseCode.Abnormal] if the connection just broke
 * @property reason one short sentence for a person; empty where the client ended it. U+FFFD stands for halves of
 *   surrogate pairs
 * @property byClient whether the client ended it
 */
public class CloseReason internal constructor(
    public val code: CloseCode,
    reason: String,
    public val byClient: Boolean,
) {
    public val reason: String = reason.wellFormed()

    override fun toString(): String = "$code ($reason${if (byClient) ", by the client" else ""})"
}
