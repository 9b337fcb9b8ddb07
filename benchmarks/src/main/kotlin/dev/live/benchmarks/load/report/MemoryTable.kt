package dev.live.benchmarks.load.report

/** Memory per idle session, and its largest classes. */
internal class MemoryTable(private val records: List<Record>) : CaseTable {
    private val heap = Samples.of(records) { r -> r.result.memory?.run { heapBytes?.toDouble()?.div(count) } }
    private val resident = Samples.of(records) { r -> r.result.memory?.run { residentBytes?.toDouble()?.div(count) } }

    override val unit = "bytes per session"

    override fun render(): String =
        markdownTable(
            listOf("server", "live heap per session, bytes", "spread", "resident per session, bytes"),
            inOrder(records).map {
                listOf(it, number(heap.median(it), 0), spread(heap.of(it)), number(resident.median(it), 0))
            },
        ) + failures(records) + classes()

    override fun bars(): List<Bar> =
        inOrder(records)
            .mapNotNull { name ->
                val live = heap.median(name)
                val bytes = live ?: resident.median(name)
                val kind = if (live == null) " resident" else " of live heap"
                bytes?.let { Bar(name, it, number(it, 0) + kind, isOurs(name)) }
            }
            .sortedBy { it.value }

    private fun classes(): String =
        inOrder(records).filter(::isOurs).joinToString("") { server ->
            val memory = records.last { it.server == server }.result.memory ?: return@joinToString ""
            val rows =
                memory.classes.map {
                    val instances = number(it.instances.toDouble() / memory.count, 2)
                    listOf("`${it.name}`", instances, number(it.bytes.toDouble() / memory.count, 0))
                }
            "\n<details><summary>Classes with the largest growth, $server</summary>\n\n" +
                markdownTable(listOf("class", "instances per session", "bytes per session"), rows) + "\n</details>\n"
        }
}
