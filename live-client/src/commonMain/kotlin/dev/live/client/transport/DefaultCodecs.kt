package dev.live.client.transport

import dev.live.protocol.Codec

/** What is offered without further choice, the most wanted first: JSON last, which every server speaks. */
internal expect val defaultCodecs: List<Codec>
