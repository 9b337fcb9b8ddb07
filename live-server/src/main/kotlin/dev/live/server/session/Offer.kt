package dev.live.server.session

/** What became of a message offered to a [SessionQueue]. */
internal enum class Offer { Taken, Full, Closed }
