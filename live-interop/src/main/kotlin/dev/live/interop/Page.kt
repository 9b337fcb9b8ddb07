package dev.live.interop

import java.io.File

/** Rows of the page's tables. */
object Rows {
    val ENCODER_HEAD: String =
        line("language", "library and options", "version", EncoderColumn.entries.map { it.title }, "response of live")
    val CLIENT_HEAD: String =
        line("language", "library and options", "version", ClientColumn.entries.map { it.title })

    fun of(row: EncoderRow): String {
        val cells = EncoderColumn.entries.map { mark(row.outcomes.getValue(it), row.entry) }
        val reasons =
            row.outcomes.values.mapNotNull { outcome ->
                when (outcome) {
                    is Outcome.Refused -> outcome.reason
                    is Outcome.Failed -> "the library: ${outcome.what}".takeIf { row.entry.says.startsWith("!") }
                    Outcome.Works -> null
                }
            }.distinctBy { it.replace(Regex("\\d+"), "0") } // one length of an array is enough
        return line(row.entry.language, row.entry.title, row.entry.version, cells, reasons.joinToString("; "))
    }

    fun of(row: ClientRow): String {
        val setting = row.entry.setting
        val title = if (setting.isEmpty()) row.entry.library else "${row.entry.library}, `$setting`"
        val cells = ClientColumn.entries.map { column -> plain(row.cells.getValue(column)) }
        return line(row.entry.language, title, row.entry.version, cells)
    }

    /** [row] without what depends on the JDK and the Node that run it. */
    fun comparable(row: String): String = row.replace(Regex("(JDK|Node) \\d+"), "$1")

    /** Why [row] breaks the rule that all works, or is refused with what to set; null if it does not. */
    fun problem(row: EncoderRow): String? {
        val says = row.entry.says
        val wrong = row.outcomes.filterValues { it != Outcome.Works }
        val unexpected =
            when {
                says.isEmpty() -> wrong
                says.startsWith("!") -> wrong.filterValues { it !is Outcome.Failed || says.drop(1) !in it.what }
                // a failure must follow from a refusal that names the setting
                wrong.values.none { it is Outcome.Refused } -> wrong
                else -> wrong.filterValues { it is Outcome.Refused && says !in it.reason }
            }
        return when {
            unexpected.isNotEmpty() -> "${row.entry.codec}, ${row.entry.language}, ${row.entry.title}: $unexpected"
            says.isNotEmpty() && wrong.isEmpty() -> "${row.entry.codec}, ${row.entry.title} works now, without: $says"
            else -> null
        }
    }

    /** Why [row] breaks the rule that frames of both kinds travel and the connection closes; null if it does not. */
    fun problem(row: ClientRow): String? {
        val talks = row.cells.getValue(ClientColumn.Text) == "✓" && row.cells.getValue(ClientColumn.Binary) == "✓"
        val closes = row.cells.getValue(ClientColumn.Close).split(" or ").all { it in setOf("1000", NOT_REPORTED) }
        return if (talks && closes) null else "${row.entry.language}, ${row.entry.library}: ${row.cells}"
    }

    private fun mark(outcome: Outcome, entry: EncoderEntry): String =
        when (outcome) {
            Outcome.Works -> "✓"
            is Outcome.Refused -> "refused"
            is Outcome.Failed -> if (entry.says.isEmpty() || entry.says.startsWith("!")) "✗" else "–"
        }

    private fun plain(cell: String): String =
        when {
            cell.startsWith("failed") -> "fails"
            else -> cell
        }

    private fun line(
        language: String,
        title: String,
        version: String,
        cells: List<String>,
        last: String? = null,
    ): String =
        (listOf(language, title, version) + cells + listOfNotNull(last))
            .joinToString(" | ", "| ", " |") { it.replace("|", "\\|") }
}

/** `docs/interoperability.md`: a text with tables and programs in the places that it marks. */
class Page(private val file: File, private val template: File, private val languages: File) {
    val text: String get() = file.readText()

    /** The rows that the page has now. */
    val rows: List<String> get() = if (file.exists()) file.readLines().filter { it.startsWith("| ") } else emptyList()

    /** Writes the page with [encoders] by codec, and [clients]. Languages that are not in [ran] keep their rows. */
    fun write(ran: Set<String>, encoders: Map<String, List<String>>, clients: List<String>) {
        var section = ""
        val old = mutableMapOf<String, MutableList<String>>()
        if (file.exists()) {
            for (line in file.readLines()) {
                if (line.startsWith("## ") || line.startsWith("### ")) section = line.trimStart('#', ' ')
                if (isRowOf(line, Catalog.all.map { it.name } - ran)) old.getOrPut(section) { mutableListOf() } += line
            }
        }
        section = ""
        val lines =
            template.readLines().flatMap { line ->
                if (line.startsWith("## ") || line.startsWith("### ")) section = line.trimStart('#', ' ')
                val mark = Regex("<!-- (encoders|clients|program) ?(\\S*) -->").matchEntire(line)
                val kept = old[section].orEmpty()
                when (mark?.groupValues?.get(1)) {
                    "encoders" -> table(Rows.ENCODER_HEAD, encoders[mark.groupValues[2]].orEmpty() + kept)
                    "clients" -> table(Rows.CLIENT_HEAD, clients + kept)
                    "program" -> program(mark.groupValues[2])
                    else -> listOf(line)
                }
            }
        file.writeText(lines.joinToString("\n", postfix = "\n"))
    }

    /** The source of a program as the page shows it. */
    fun program(path: String): List<String> =
        listOf("```${path.substringBefore('/')}") + File(languages, path).readLines() + "```"

    private fun isRowOf(line: String, languages: List<String>): Boolean =
        line.startsWith("| ") && line.substring(2).substringBefore(" |") in languages

    private fun table(head: String, rows: List<String>): List<String> {
        val order = Catalog.all.map { it.name }
        val sorted = rows.sortedBy { row -> order.indexOf(row.substring(2).substringBefore(" |")) }
        return listOf(head, head.replace(Regex("[^|]+"), "---")) + sorted
    }
}
