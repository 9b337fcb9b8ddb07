package dev.live.server.session

/** The result of offering a message to a [SessionQueue]. */
internal enum class OfferResult { Accepted, Full, Closed }
