package dev.live.protocol

/** What JavaScript speaks. */
val codecs: List<Codec> = listOf(JsonCodec, CborCodec, MessagePackCodec)

fun textOfVectors(name: String): String = readFileSync("vectors/$name", "utf8")
