package dev.live.client.transport

import io.ktor.http.Url

/**
 * The beginning of [body] as one short line for a person: of a page its title, or what stands in it, without markup.
 *
 * @param isPage whether it is HTML as its type says; some proxies send pages without a type
 * @param status a title that begins with this is shown without it
 */
internal fun shortTextOf(body: String, isPage: Boolean, status: Int): String {
    val text = if (isPage || body.trimStart().startsWith('<')) textOfPage(body) else body.lineSequence().first()
    return oneLine(text).removePrefix("$status").trimStart().shortened()
}

/** Where a redirect to [location] leads, without a query, which may hold secrets; on the host of [asked] a path alone. */
internal fun redirectTarget(location: String, asked: Url): String {
    val target = oneLine(location).substringBefore('?').substringBefore('#')
    if ("://" !in target) return target.shortened()
    val authority = target.substringAfter("://").substringBefore('/').substringAfterLast('@')
    val path = target.substringAfter("://").substringAfter('/', missingDelimiterValue = "")
    val isSameHost = authority == asked.host || authority == "${asked.host}:${asked.port}"
    return (if (isSameHost) "/$path" else "${target.substringBefore("://")}://$authority/$path").shortened()
}

private fun textOfPage(page: String): String {
    val title = TITLE.find(page)?.groupValues?.get(1)
    val text = if (title.isNullOrBlank()) HIDDEN.replace(page, " ").let { TAG.replace(it, " ") } else title
    return ENTITIES.entries.fold(text) { decoded, (entity, char) -> decoded.replace(entity, char) }
}

/** The first [MAX_LENGTH] characters, without half of a surrogate pair at the end. */
private fun String.shortened(): String =
    take(MAX_LENGTH).let { if (it.lastOrNull()?.isHighSurrogate() == true) it.dropLast(1) else it }

private fun oneLine(text: String): String =
    text.map { if (it.isISOControl() || it.isWhitespace()) ' ' else it }.joinToString("").replace(SPACES, " ").trim()

private val TITLE = Regex("<title[^>]*>([^<]*)", RegexOption.IGNORE_CASE)

// a page that was cut off may end in the middle of any of them
private val HIDDEN =
    Regex("<!--[\\s\\S]*?(-->|$)|<script[\\s\\S]*?(</script>|$)|<style[\\s\\S]*?(</style>|$)", RegexOption.IGNORE_CASE)
private val TAG = Regex("<[^>]*(>|$)")
private val SPACES = Regex(" +")

/** The last one is `&amp;`, so that nothing is decoded twice. */
private val ENTITIES =
    linkedMapOf("&nbsp;" to " ", "&lt;" to "<", "&gt;" to ">", "&quot;" to "\"", "&#39;" to "'", "&amp;" to "&")
private const val MAX_LENGTH = 200
