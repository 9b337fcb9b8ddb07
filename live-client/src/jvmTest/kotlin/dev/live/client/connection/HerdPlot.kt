package dev.live.client.connection

/** Bar charts of [drawn], one panel per title with the arrivals per bin, as SVG for light and dark backgrounds. */
internal fun herdPlot(drawn: List<Pair<String, List<Int>>>): String {
    val height = drawn.size * PANEL
    val title = "Arrivals per 100 ms after 10,000 clients were dropped at once"
    return buildString {
        append(
            """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $WIDTH $height" width="$WIDTH" height="$height" """,
        )
        append("""role="img" aria-label="$title">""").append('\n')
        append(STYLE)
        drawn.forEachIndexed { i, (name, bins) -> panel(i * PANEL, name, bins) }
        append("</svg>\n")
    }
}

private fun StringBuilder.panel(top: Int, name: String, bins: List<Int>) {
    val most = bins.max()
    val bottom = top + PANEL - MARGIN
    val width = (WIDTH - LEFT).toDouble() / bins.size.coerceAtLeast(LEAST_BINS)
    append("""<text x="0" y="${top + 16}" class="title">$name</text>""").append('\n')
    append("""<text x="${LEFT - 8}" y="${bottom - BAR + 12}" text-anchor="end">$most</text>""").append('\n')
    bins.forEachIndexed { i, count ->
        val length = count * BAR / most
        val x = "%.1f".format(java.util.Locale.ROOT, LEFT + i * width)
        val wide = "%.1f".format(java.util.Locale.ROOT, width * 0.9)
        append("""<rect x="$x" y="${bottom - length}" width="$wide" height="$length"/>""").append('\n')
    }
    append("""<text x="$LEFT" y="${bottom + 16}">0 s</text>""")
    val end = "%.1f s".format(java.util.Locale.ROOT, bins.size.coerceAtLeast(LEAST_BINS) / 10.0)
    append("""<text x="$WIDTH" y="${bottom + 16}" text-anchor="end">$end</text>""").append('\n')
}

private const val WIDTH = 720
private const val PANEL = 150
private const val MARGIN = 26
private const val BAR = 96
private const val LEFT = 60
private const val LEAST_BINS = 50
private val STYLE =
    """
    |<style>
    |  text { font: 13px system-ui, sans-serif; fill: #6e7781 }
    |  .title { font-weight: 600; font-size: 14px }
    |  rect { fill: #1f6feb }
    |  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
    |</style>
    |
    """.trimMargin()
