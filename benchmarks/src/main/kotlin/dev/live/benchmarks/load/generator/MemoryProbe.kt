package dev.live.benchmarks.load.generator

import java.io.File
import java.util.concurrent.TimeUnit

/**
 * Measures memory growth of the server. On a JVM it compares histograms of live objects, which force a full garbage
 * collection. For other servers only the resident memory is known.
 */
internal class MemoryProbe(private val server: ProcessStats?) {
    /** The memory growth caused by [block], which creates [count] items. Null if the server's process is unknown. */
    fun measure(count: Int, block: () -> Unit): MemoryGrowth? {
        if (server == null) {
            block()
            return null
        }
        val before = server.histogram()
        val residentBefore = server.residentBytes()
        block()
        val after = server.histogram()
        val residentAfter = server.residentBytes()
        return MemoryGrowth(
            count = count,
            heapBytes = if (before != null && after != null) after.totalBytes() - before.totalBytes() else null,
            residentBytes = if (residentBefore != null &&
                residentAfter != null
            ) {
                residentAfter - residentBefore
            } else {
                null
            },
            classes = if (before != null && after != null) growth(before, after) else emptyList(),
        )
    }

    private fun growth(before: HeapHistogram, after: HeapHistogram): List<ClassGrowth> =
        after.classes
            .map { (name, now) ->
                val then = before.classes[name] ?: ClassGrowth(name, 0, 0)
                ClassGrowth(name, now.instances - then.instances, now.bytes - then.bytes)
            }
            .sortedByDescending { it.bytes }
            .take(MAX_CLASSES)

    private companion object {
        const val MAX_CLASSES = 15
    }
}

/** The live objects of a JVM after a forced full collection. Null for any other process. */
internal fun ProcessStats.histogram(): HeapHistogram? {
    val jcmd =
        executable()?.takeIf { it.name == "java" }?.resolveSibling("jcmd")?.takeIf { it.exists() } ?: return null
    return HeapHistogram.parse(jcmd.run(pid.toString(), "GC.class_histogram"))
}

private fun File.run(vararg arguments: String): String {
    val process = ProcessBuilder(path, *arguments).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    val output = process.inputStream.bufferedReader().readText()
    check(process.waitFor(1, TimeUnit.MINUTES) && process.exitValue() == 0) { "$path failed: $output" }
    return output
}

/** The live objects of a JVM by class, in the format of `jcmd PID GC.class_histogram`. */
internal class HeapHistogram(val classes: Map<String, ClassGrowth>) {
    fun totalBytes(): Long = classes.values.sumOf { it.bytes }

    companion object {
        private val line = Regex("""\s*\d+:\s+(\d+)\s+(\d+)\s+(\S+).*""")

        fun parse(text: String): HeapHistogram {
            val classes = HashMap<String, ClassGrowth>()
            for (entry in text.lineSequence()) {
                val (instances, bytes, name) = line.matchEntire(entry)?.destructured ?: continue
                // a class that is loaded by two class loaders has two lines
                val known = classes[name] ?: ClassGrowth(name, 0, 0)
                classes[name] = ClassGrowth(name, known.instances + instances.toLong(), known.bytes + bytes.toLong())
            }
            return HeapHistogram(classes)
        }
    }
}
