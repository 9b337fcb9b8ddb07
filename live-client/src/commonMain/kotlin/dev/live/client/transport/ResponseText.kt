package dev.live.client.transport

import io.ktor.http.Url

/**
 * The beginning of a response [body] as one short line without markup: for HTML the title, or the text if there is
 * none.
 *
 * @param isHtml whether the content type is HTML; some proxies send HTML without a content type
 * @param status removed from the start of a title
 */
internal fun summaryOf(body: String, isHtml: Boolean, status: Int): String {
    val text = if (isHtml || body.trimStart().startsWith('<')) textOfHtml(body) else body.lineSequence().first()
    return oneLine(text).removePrefix("$status").trimStart().shortened()
}

/**
 * The target of a redirect to [location], without the query, which may contain secrets. Only the path if it is on the
 * host of [requested].
 */
internal fun redirectTarget(location: String, requested: Url): String {
    val target = oneLine(location).substringBefore('?').substringBefore('#')
    if ("://" !in target) return target.shortened()
    val authority = target.substringAfter("://").substringBefore('/').substringAfterLast('@')
    val path = target.substringAfter("://").substringAfter('/', missingDelimiterValue = "")
    val isSameHost = authority == requested.host || authority == "${requested.host}:${requested.port}"
    return (if (isSameHost) "/$path" else "${target.substringBefore("://")}://$authority/$path").shortened()
}

private fun textOfHtml(html: String): String {
    val title = TITLE.find(html)?.groupValues?.get(1)
    val text = if (title.isNullOrBlank()) HIDDEN.replace(html, " ").let { TAG.replace(it, " ") } else title
    return ENTITIES.entries.fold(text) { decoded, (entity, char) -> decoded.replace(entity, char) }
}

/** The first [MAX_LENGTH] characters, without an unpaired surrogate at the end. */
private fun String.shortened(): String =
    take(MAX_LENGTH).let { if (it.lastOrNull()?.isHighSurrogate() == true) it.dropLast(1) else it }

private fun oneLine(text: String): String =
    text.map { if (it.isISOControl() || it.isWhitespace()) ' ' else it }.joinToString("").replace(SPACES, " ").trim()

private val TITLE = Regex("<title[^>]*>([^<]*)", RegexOption.IGNORE_CASE)

// the body may be cut off inside any of these
private val HIDDEN =
    Regex("<!--[\\s\\S]*?(-->|$)|<script[\\s\\S]*?(</script>|$)|<style[\\s\\S]*?(</style>|$)", RegexOption.IGNORE_CASE)
private val TAG = Regex("<[^>]*(>|$)")
private val SPACES = Regex(" +")

/** `&amp;` is last, so that no entity is decoded twice. */
private val ENTITIES =
    linkedMapOf("&nbsp;" to " ", "&lt;" to "<", "&gt;" to ">", "&quot;" to "\"", "&#39;" to "'", "&amp;" to "&")
private const val MAX_LENGTH = 200
