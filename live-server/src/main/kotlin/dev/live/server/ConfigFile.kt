package dev.live.server

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
    val unknown =
        section.keys().map { it.replace("\"", "") }.filterNot { it in names || isForeignProperty(it) }.sorted()
    require(unknown.isEmpty()) {
        unknown.joinToString(" ") {
            "Unknown setting '$FILE_SECTION.$it'. Did you mean '$FILE_SECTION.${closestKey(it)}'?"
        }
    }
    val config = LiveConfig()
    for (key in configKeys) section.propertyOrNull(key.name)?.let { key.read(it, config) }
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

/** The known key that is most similar to [unknown]. */
private fun closestKey(unknown: String): String =
    names.find { it.startsWith("$unknown.") } ?: names.minBy { distance(it.lowercase(), unknown.lowercase()) }

/**
 * Whether [key] is a system property of other software that also begins with `live.`. HOCON includes all system
 * properties. A key below one of live's own sections is still an error, because it is most likely a misspelled setting.
 */
private fun isForeignProperty(key: String): Boolean =
    key.substringBefore('.') !in sections && System.getProperty("$FILE_SECTION.$key") != null

private val names = configKeys.map { it.name }
private val sections = names.mapTo(HashSet()) { it.substringBefore('.') }

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
