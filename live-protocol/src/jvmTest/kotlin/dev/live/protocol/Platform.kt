package dev.live.protocol

import java.io.File

/** The codecs available on the JVM. */
val codecs: List<Codec> = listOf(JsonCodec, CborCodec, MessagePackCodec)

fun readVectorFile(name: String): String = File("vectors", name).readText()
