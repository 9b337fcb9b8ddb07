package dev.live.benchmarks.load.report

/**
 * The start of an SVG plot of [height], in colors that are readable on white and on black. The caller appends `</svg>`.
 */
internal fun svgHead(title: String, height: Int): String =
    buildString {
        append("""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $SVG_WIDTH $height" """)
        append("""width="$SVG_WIDTH" height="$height" role="img" aria-label="${svgText(title)}">""").append('\n')
        append(STYLE)
    }

internal fun svgText(text: String): String = text.replace("&", "&amp;").replace("<", "&lt;").replace("\"", "&quot;")

/** Width of every plot, in pixels. */
internal const val SVG_WIDTH = 720

private val STYLE =
    """
    |<style>
    |  text { font: 13px system-ui, sans-serif; fill: #6e7781 }
    |  .title { font-weight: 600; font-size: 14px }
    |  .ours { fill: #1f6feb }
    |  .other { fill: #8c959f }
    |  .line { fill: none; stroke: #1f6feb; stroke-width: 1.5 }
    |  .axis { stroke: #8c959f; stroke-width: 0.5 }
    |  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
    |</style>
    |
    """.trimMargin()
