package dev.live.protocol

import java.io.File

/** What the JVM speaks. */
val codecs: List<Codec> = listOf(JsonCodec, CborCodec, MessagePackCodec)

fun textOfVectors(name: String): String = File("vectors", name).readText()
