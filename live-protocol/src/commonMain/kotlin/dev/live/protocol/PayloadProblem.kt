package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.MissingFieldException
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.JsonDecodingException

internal const val DOES_NOT_FIT = "data does not fit its type"

/**
 * Describes the error in a payload in one line. The text names the field and never quotes the payload, because it is
 * sent to clients and logged. Only for exceptions of [PayloadJson]: their paths omit map keys.
 */
@OptIn(ExperimentalSerializationApi::class)
internal fun SerializationException.describe(): String =
    when (this) {
        is MissingFieldException -> {
            val parent = field(message.orEmpty().substringAfterLast(" at path: ", "$"))
            val names = missingFields.joinToString { if (parent == ROOT) it else "$parent.$it" }
            if (missingFields.size == 1) "$names is missing" else "$names are missing"
        }
        // without an offset, the source was a JSON tree: its paths include map keys
        is JsonDecodingException -> {
            val path = path
            if (path == null || offset < 0) DOES_NOT_FIT else "${field(path)} ${problem(shortMessage)}"
        }
        // an unknown enum value; the path is at the end of the message
        else -> {
            val path = message.orEmpty().substringAfterLast(ENUM_PATH, "")
            if (path.isEmpty()) DOES_NOT_FIT else "${field(path)} is not one of the allowed values"
        }
    }

/** Maps the library's error message to a message of live. The rest of the library's message quotes the input. */
private fun problem(message: String): String {
    val expected = message.substringBefore(", but").substringBefore(" for input")
    return when {
        "overflow" in expected || expected.startsWith("Failed to parse") -> "is out of range or not a number"
        "numeric literal" in expected -> "must be a number"
        "string" in expected || "quotation mark" in expected -> "must be a string"
        "boolean" in expected -> "must be true or false"
        "start of the object" in expected -> "must be an object"
        "start of the array" in expected -> "must be an array"
        else -> "does not fit its type"
    }
}

/** Converts `$.items[2].price` to `items[2].price`. */
private fun field(path: String): String =
    path.replace(OMITTED_KEY, "[…]").removePrefix("$").removePrefix(".").ifEmpty { ROOT }

private const val ROOT = "data"
private const val ENUM_PATH = " at path $"
private const val OMITTED_KEY = "[<debug info disabled>]"
