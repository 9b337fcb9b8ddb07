package dev.live.interop

import java.io.File

/** Rows of the page's tables. */
object Rows {
    val ENCODER_HEAD: String =
        line("language", "library and options", "version", EncoderColumn.entries.map { it.title }, "response of live")
    val CLIENT_HEAD: String =
        line("language", "library and options", "version", ClientColumn.entries.map { it.title })

    val COMPRESSION_HEAD: String =
        line("language", "library and options", "version", CompressionColumn.entries.map { it.title })

    fun of(row: EncoderRow): String {
        val cells = EncoderColumn.entries.map { mark(row.outcomes.getValue(it), row.entry) }
        val reasons =
            row.outcomes.values.mapNotNull { outcome ->
                when (outcome) {
                    is Outcome.Refused -> outcome.reason
                    is Outcome.Failed -> "the library: ${outcome.reason}".takeIf { row.entry.expectsLibraryFailure }
                    Outcome.Works -> null
                }
            }.distinctBy { it.replace(Regex("\\d+"), "0") } // one array length is enough
        return line(row.entry.language, row.entry.title, row.entry.version, cells, reasons.joinToString("; "))
    }

    fun of(row: ClientRow): String {
        val cells = ClientColumn.entries.map { column -> plain(row.cells.getValue(column)) }
        return line(row.entry.language, title(row.entry), row.entry.version, cells)
    }

    /** Returns null if the client does not offer compression. */
    fun compressionOf(row: ClientRow): String? {
        val compression = row.compression ?: return null
        val cells = compression.map { (column, cell) ->
            if (column == CompressionColumn.Offer) "`$cell`" else plain(cell)
        }
        return line(row.entry.language, title(row.entry), row.entry.version, cells)
    }

    private fun title(entry: ClientEntry): String =
        if (entry.setting.isEmpty()) entry.library else "${entry.library}, `${entry.setting}`"

    /** Removes the JDK and Node versions from [row], which depend on the machine. */
    fun comparable(row: String): String = row.replace(Regex("(JDK|Node) \\d+"), "$1")

    /** Describes a violation of the rule that [row] works, or fails with the expected error. Null if there is none. */
    fun problem(row: EncoderRow): String? {
        val expectedError = row.entry.expectedError
        val wrong = row.outcomes.filterValues { it != Outcome.Works }
        val unexpected =
            when {
                expectedError.isEmpty() -> wrong
                row.entry.expectsLibraryFailure ->
                    wrong.filterValues { it !is Outcome.Failed || expectedError.drop(1) !in it.reason }
                // a failure must follow an error that names the setting
                wrong.values.none { it is Outcome.Refused } -> wrong
                else -> wrong.filterValues { it is Outcome.Refused && expectedError !in it.reason }
            }
        return when {
            unexpected.isNotEmpty() -> "${row.entry.codec}, ${row.entry.language}, ${row.entry.title}: $unexpected"
            expectedError.isNotEmpty() && wrong.isEmpty() ->
                "${row.entry.codec}, ${row.entry.title} works, but this error was expected: $expectedError"
            else -> null
        }
    }

    /**
     * Describes a violation of the rule that both kinds of frames work and the connection closes. Null if there is
     * none.
     */
    fun problem(row: ClientRow): String? {
        val exchanges =
            listOf(ClientColumn.Text, ClientColumn.Binary).all { row.cells.getValue(it) == "✓" } &&
                listOf(CompressionColumn.Text, CompressionColumn.Binary).all {
                    (row.compression?.get(it) ?: "✓") == "✓"
                }
        val closes = row.cells.getValue(ClientColumn.Close).split(" or ").all { it in setOf("1000", NOT_REPORTED) }
        return if (exchanges &&
            closes
        ) {
            null
        } else {
            "${row.entry.language}, ${row.entry.library}: ${row.cells}, ${row.compression}"
        }
    }

    private fun mark(outcome: Outcome, entry: EncoderEntry): String =
        when (outcome) {
            Outcome.Works -> "✓"
            is Outcome.Refused -> "refused"
            is Outcome.Failed -> if (entry.expectedError.isEmpty() || entry.expectsLibraryFailure) "✗" else "–"
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

/** `docs/interoperability.md`: a template whose markers are replaced by tables and programs. */
class Page(private val file: File, private val template: File, private val languages: File) {
    val text: String get() = file.readText()

    /** The current rows of the page. */
    val rows: List<String> get() = if (file.exists()) file.readLines().filter { it.startsWith("| ") } else emptyList()

    /**
     * Writes the page with [encoders] by codec, [clients] and their [compression]. Languages that are not in [tested]
     * keep their rows.
     */
    fun write(
        tested: Set<String>,
        encoders: Map<String, List<String>>,
        clients: List<String>,
        compression: List<String>,
    ) {
        val untested = Catalog.all.map { it.name } - tested
        var section = ""
        val old = mutableMapOf<String, MutableList<String>>()
        if (file.exists()) {
            for (line in file.readLines()) {
                if (line.startsWith("## ") || line.startsWith("### ")) section = line.trimStart('#', ' ')
                if (isRowOf(line, untested)) old.getOrPut(section) { mutableListOf() } += line
            }
        }
        section = ""
        val lines =
            template.readLines().flatMap { line ->
                if (line.startsWith("## ") || line.startsWith("### ")) section = line.trimStart('#', ' ')
                val mark = Regex("<!-- (encoders|clients|compression|program) ?(\\S*) -->").matchEntire(line)
                val kept = old[section].orEmpty()
                when (mark?.groupValues?.get(1)) {
                    "encoders" -> table(Rows.ENCODER_HEAD, encoders[mark.groupValues[2]].orEmpty() + kept)
                    "clients" -> table(Rows.CLIENT_HEAD, clients + kept)
                    "compression" -> table(Rows.COMPRESSION_HEAD, compression + kept)
                    "program" -> program(mark.groupValues[2])
                    else -> listOf(line)
                }
            }
        file.writeText(lines.joinToString("\n", postfix = "\n"))
    }

    /** The source of a program as a code block. */
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
