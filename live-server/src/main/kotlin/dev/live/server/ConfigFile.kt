package dev.live.server

import io.ktor.server.config.ApplicationConfig
import io.ktor.server.config.ApplicationConfigValue

/** The section of the application's configuration that is live's. */
internal const val FILE_SECTION = "live"

/**
 * A configuration with what [section], the part below `live` of the application's configuration, says. It comes before
 * the code, which therefore has the last word.
 *
 * @throws IllegalArgumentException if there is a key in it that is no setting, or a value that is not allowed
 */
internal fun liveConfigOf(section: ApplicationConfig): LiveConfig {
    val unknown = section.keys().map { it.replace("\"", "") }.filterNot { it in names || isOfSomebodyElse(it) }.sorted()
    require(unknown.isEmpty()) {
        unknown.joinToString(" ") {
            "$FILE_SECTION.$it is no setting of live; the nearest is $FILE_SECTION.${nearest(it)}."
        }
    }
    val config = LiveConfig()
    for (key in configKeys) section.propertyOrNull(key.name)?.let { key.read(it, config) }
    return config
}

/**
 * Refuses a value where the section should be, which Ktor takes for none at all.
 *
 * @throws IllegalArgumentException if there is one in [config]
 */
internal fun requireSection(config: ApplicationConfig) {
    val value = config.propertyOrNull(FILE_SECTION) ?: return
    require(value.type != ApplicationConfigValue.Type.SINGLE && value.type != ApplicationConfigValue.Type.LIST) {
        "$FILE_SECTION: must be a section with settings in it, such as $FILE_SECTION.transport"
    }
}

/** The known key that [unknown] was most likely meant to be. */
private fun nearest(unknown: String): String =
    names.find { it.startsWith("$unknown.") } ?: names.minBy { distance(it.lowercase(), unknown.lowercase()) }

/**
 * Whether [key] is a system property of another program's with the same first word: HOCON takes all of them in. One in
 * a section of live's is not excused, because it was hardly meant for anybody else.
 */
private fun isOfSomebodyElse(key: String): Boolean =
    key.substringBefore('.') !in sections && System.getProperty("$FILE_SECTION.$key") != null

private val names = configKeys.map { it.name }
private val sections = names.mapTo(HashSet()) { it.substringBefore('.') }

/** How many letters have to be added, left out or changed to make [b] of [a] (Levenshtein). */
internal fun distance(a: String, b: String): Int {
    var above = IntArray(b.length + 1) { it }
    for (i in a.indices) {
        val row = IntArray(b.length + 1)
        row[0] = i + 1
        for (j in b.indices) {
            val changed = above[j] + if (a[i] == b[j]) 0 else 1
            row[j + 1] = minOf(changed, above[j + 1] + 1, row[j] + 1)
        }
        above = row
    }
    return above[b.length]
}
