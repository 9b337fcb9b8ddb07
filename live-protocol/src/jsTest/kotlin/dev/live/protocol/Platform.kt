package dev.live.protocol

/** The codecs available in JavaScript. */
val codecs: List<Codec> = listOf(JsonCodec, CborCodec, MessagePackCodec)

fun readVectorFile(name: String): String = readFileSync("vectors/$name", "utf8")
