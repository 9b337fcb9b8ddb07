package dev.live.benchmarks.report

import java.util.Locale
import kotlin.math.roundToInt

/** One bar: its [label], its length, what is written behind it, and whether it is one of ours. */
internal class Bar(val label: String, val value: Double, val text: String, val isOurs: Boolean)

/** A horizontal bar chart as SVG, in colours that can be read on white and on black. */
internal fun barChart(title: String, bars: List<Bar>): String {
    val longest = bars.maxOfOrNull { it.value } ?: 0.0
    val height = TOP + bars.size * ROW + BOTTOM
    return buildString {
        append(
            """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $WIDTH $height" width="$WIDTH" height="$height" """,
        )
        append("""role="img" aria-label="${escape(title)}">""").append('\n')
        append(STYLE)
        append("""<text x="0" y="20" class="title">${escape(title)}</text>""").append('\n')
        for ((i, bar) in bars.withIndex()) {
            val y = TOP + i * ROW
            val length = if (longest > 0) (bar.value / longest * MAX_LENGTH).roundToInt().coerceAtLeast(1) else 1
            val kind = if (bar.isOurs) "ours" else "other"
            append(String.format(Locale.ROOT, LABEL, LEFT - GAP, y + BASELINE, escape(bar.label)))
            append("""<rect x="$LEFT" y="${y + 3}" width="$length" height="${ROW - 6}" rx="2" class="$kind"/>""")
            append(String.format(Locale.ROOT, VALUE, LEFT + length + GAP, y + BASELINE, escape(bar.text)))
            append('\n')
        }
        append("</svg>\n")
    }
}

private fun escape(text: String): String = text.replace("&", "&amp;").replace("<", "&lt;").replace("\"", "&quot;")

private const val WIDTH = 720
private const val TOP = 34
private const val BOTTOM = 8
private const val ROW = 24
private const val LEFT = 150
private const val GAP = 8
private const val BASELINE = 17
private const val MAX_LENGTH = 440.0
private const val LABEL = """<text x="%d" y="%d" text-anchor="end">%s</text>"""
private const val VALUE = """<text x="%d" y="%d">%s</text>"""
private val STYLE =
    """
    |<style>
    |  text { font: 13px system-ui, sans-serif; fill: #6e7781 }
    |  .title { font-weight: 600; font-size: 14px }
    |  .ours { fill: #1f6feb }
    |  .other { fill: #8c959f }
    |  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
    |</style>
    |
    """.trimMargin()
