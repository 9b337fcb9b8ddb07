package dev.live.benchmarks.load.soak

import dev.live.benchmarks.load.report.SVG_WIDTH
import dev.live.benchmarks.load.report.svgHead
import dev.live.benchmarks.load.report.svgText
import java.util.Locale

/** One line chart per series, below each other, with the value axis from zero. */
internal fun soakPlot(title: String, series: List<Series>): String =
    buildString {
        append(svgHead(title, series.size * PANEL))
        series.forEachIndexed { i, one -> panel(i * PANEL, one) }
        append("</svg>\n")
    }

private fun StringBuilder.panel(top: Int, series: Series) {
    val most = series.all.maxOfOrNull { it.value }?.coerceAtLeast(1.0) ?: 1.0
    val seconds = series.all.lastOrNull()?.seconds?.coerceAtLeast(1.0) ?: 1.0
    val bottom = top + PANEL - MARGIN
    append("""<text x="0" y="${top + 16}" class="title">${svgText(series.name)}</text>""")
    append('\n')
    append("""<text x="${LEFT - 8}" y="${bottom - LINE + 10}" text-anchor="end">${series.text(most)}</text>""")
    append("""<text x="${LEFT - 8}" y="$bottom" text-anchor="end">0</text>""")
    append("""<line x1="$LEFT" y1="$bottom" x2="$SVG_WIDTH" y2="$bottom" class="axis"/>""").append('\n')
    val points =
        series.all.joinToString(" ") {
            val x = LEFT + it.seconds / seconds * (SVG_WIDTH - LEFT - 2)
            String.format(Locale.ROOT, "%.1f,%.1f", x, bottom - it.value / most * LINE)
        }
    append("""<polyline points="$points" class="line"/>""").append('\n')
    val end = String.format(Locale.ROOT, "%.0f min", seconds / 60)
    append("""<text x="$LEFT" y="${bottom + 16}">0</text>""")
    append("""<text x="$SVG_WIDTH" y="${bottom + 16}" text-anchor="end">$end</text>""").append('\n')
}

private const val PANEL = 130
private const val MARGIN = 26
private const val LINE = 76
private const val LEFT = 80
