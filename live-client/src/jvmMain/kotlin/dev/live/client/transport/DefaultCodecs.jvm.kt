package dev.live.client.transport

import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec

internal actual val defaultCodecs: List<Codec> = listOf(CborCodec, JsonCodec)
