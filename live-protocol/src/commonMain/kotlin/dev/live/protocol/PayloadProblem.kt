package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.MissingFieldException
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.JsonDecodingException

internal const val DOES_NOT_FIT = "data does not fit its type"

/**
 * What is wrong with a payload, in one line that names the field and quotes nothing of the payload: it reaches clients
 * and logs. Only for exceptions of [PayloadJson], whose paths leave out the keys of maps.
 */
@OptIn(ExperimentalSerializationApi::class)
internal fun SerializationException.describe(): String =
    when (this) {
        is MissingFieldException -> {
            val parent = field(message.orEmpty().substringAfterLast(" at path: ", "$"))
            val names = missingFields.joinToString { if (parent == ROOT) it else "$parent.$it" }
            if (missingFields.size == 1) "$names is missing" else "$names are missing"
        }
        // without an offset it was read from a tree of elements, whose paths do show the keys of maps
        is JsonDecodingException -> {
            val path = path
            if (path == null || offset < 0) DOES_NOT_FIT else "${field(path)} ${problem(shortMessage)}"
        }
        // an enum has no name for what was found; the path comes last
        else -> {
            val path = message.orEmpty().substringAfterLast(ENUM_PATH, "")
            if (path.isEmpty()) DOES_NOT_FIT else "${field(path)} is none of the values it may have"
        }
    }

/** The library's words in our own: where its sentences go on, they quote what was found. */
private fun problem(words: String): String {
    val expected = words.substringBefore(", but").substringBefore(" for input")
    return when {
        "overflow" in expected || expected.startsWith("Failed to parse") -> "is out of range, or no number"
        "numeric literal" in expected -> "must be a number"
        "string" in expected || "quotation mark" in expected -> "must be a string"
        "boolean" in expected -> "must be true or false"
        "start of the object" in expected -> "must be an object"
        "start of the array" in expected -> "must be an array"
        else -> "does not fit its type"
    }
}

/** `$.items[2].price` as people write it: `items[2].price`. */
private fun field(path: String): String =
    path.replace(KEY_LEFT_OUT, "[…]").removePrefix("$").removePrefix(".").ifEmpty { ROOT }

private const val ROOT = "data"
private const val ENUM_PATH = " at path $"
private const val KEY_LEFT_OUT = "[<debug info disabled>]"
