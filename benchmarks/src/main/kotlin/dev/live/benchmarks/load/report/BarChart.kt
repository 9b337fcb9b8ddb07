package dev.live.benchmarks.load.report

import java.util.Locale
import kotlin.math.roundToInt

/** One bar: its [label], its length, the text after it, and whether it belongs to live. */
internal class Bar(val label: String, val value: Double, val text: String, val isOurs: Boolean)

/** A horizontal bar chart as SVG, in colors that are readable on white and on black. */
internal fun barChart(title: String, bars: List<Bar>): String {
    val longest = bars.maxOfOrNull { it.value } ?: 0.0
    val height = TOP + bars.size * ROW + BOTTOM
    return buildString {
        append(svgHead(title, height))
        append("""<text x="0" y="20" class="title">${svgText(title)}</text>""").append('\n')
        for ((i, bar) in bars.withIndex()) {
            val y = TOP + i * ROW
            val length = if (longest > 0) (bar.value / longest * MAX_LENGTH).roundToInt().coerceAtLeast(1) else 1
            val kind = if (bar.isOurs) "ours" else "other"
            append(String.format(Locale.ROOT, LABEL, LEFT - GAP, y + BASELINE, svgText(bar.label)))
            append("""<rect x="$LEFT" y="${y + 3}" width="$length" height="${ROW - 6}" rx="2" class="$kind"/>""")
            append(String.format(Locale.ROOT, VALUE, LEFT + length + GAP, y + BASELINE, svgText(bar.text)))
            append('\n')
        }
        append("</svg>\n")
    }
}

private const val TOP = 34
private const val BOTTOM = 8
private const val ROW = 24
private const val LEFT = 150
private const val GAP = 8
private const val BASELINE = 17
private const val MAX_LENGTH = 440.0
private const val LABEL = """<text x="%d" y="%d" text-anchor="end">%s</text>"""
private const val VALUE = """<text x="%d" y="%d">%s</text>"""
