package dev.live.protocol

/** What JavaScript speaks: the library behind CBOR is published for the JVM alone. */
val codecs: List<Codec> = listOf(JsonCodec, MessagePackCodec)

fun textOfVectors(name: String): String = readFileSync("vectors/$name", "utf8")
