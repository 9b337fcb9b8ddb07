package dev.live.server

import dev.live.server.config.Setting
import io.ktor.server.config.ApplicationConfig
import io.ktor.server.config.ApplicationConfigValue

/** The section of the application's configuration that contains the settings of live. */
internal const val FILE_SECTION = "live"

/**
 * Reads a configuration from [section], the part below `live` of the application's configuration. The file is read
 * before the `install` block runs, so settings in code override settings in the file.
 *
 * @throws IllegalArgumentException if the section contains an unknown key or an invalid value
 */
internal fun liveConfigOf(section: ApplicationConfig): LiveConfig {
    val config = LiveConfig()
    requireKnownKeys(section.keys().map { it.replace("\"", "") }, config.settings.map { it.key })
    for (setting in config.settings) section.propertyOrNull(setting.key)?.let { setting.read(it) }
    return config
}

/**
 * Rejects a plain value in place of the section. Ktor would treat it as a missing section.
 *
 * @throws IllegalArgumentException if `live` is a value or a list in [config]
 */
internal fun requireSection(config: ApplicationConfig) {
    val value = config.propertyOrNull(FILE_SECTION) ?: return
    require(value.type != ApplicationConfigValue.Type.SINGLE && value.type != ApplicationConfigValue.Type.LIST) {
        "$FILE_SECTION: must be a section that contains settings, such as $FILE_SECTION.transport"
    }
}

private fun requireKnownKeys(keys: List<String>, known: List<String>) {
    val sections = known.mapTo(HashSet()) { it.substringBefore('.') }
    val unknown = keys.filterNot { it in known || isForeignProperty(it, sections) }.sorted()
    require(unknown.isEmpty()) {
        unknown.joinToString(" ") {
            "Unknown setting '$FILE_SECTION.$it'. Did you mean '$FILE_SECTION.${closest(it, known)}'?"
        }
    }
}

/**
 * Whether [key] is a system property of other software that also begins with `live.`. HOCON includes all system
 * properties. A key below one of live's own sections is still an error, because it is most likely a misspelled setting.
 */
private fun isForeignProperty(key: String, sections: Set<String>): Boolean =
    key.substringBefore('.') !in sections && System.getProperty("$FILE_SECTION.$key") != null

/** The known key that is most similar to [unknown]. */
private fun closest(unknown: String, known: List<String>): String =
    known.find { it.startsWith("$unknown.") } ?: known.minBy { distance(it.lowercase(), unknown.lowercase()) }

private fun Setting<*>.read(value: ApplicationConfigValue) {
    val text =
        when (value.type) {
            ApplicationConfigValue.Type.SINGLE -> value.getString()
            ApplicationConfigValue.Type.LIST -> value.getList().joinToString(",")
            // A section: Ktor also matches longer keys with this prefix. Unknown keys have been rejected before.
            else -> return
        }
    try {
        read(text)
    } catch (e: IllegalArgumentException) {
        throw IllegalArgumentException("$FILE_SECTION.$key: ${e.message}", e)
    }
}

/** Levenshtein distance: the number of inserted, removed or replaced characters between [a] and [b]. */
internal fun distance(a: String, b: String): Int {
    var previous = IntArray(b.length + 1) { it }
    for (i in a.indices) {
        val row = IntArray(b.length + 1)
        row[0] = i + 1
        for (j in b.indices) {
            val replaced = previous[j] + if (a[i] == b[j]) 0 else 1
            row[j + 1] = minOf(replaced, previous[j + 1] + 1, row[j] + 1)
        }
        previous = row
    }
    return previous[b.length]
}
