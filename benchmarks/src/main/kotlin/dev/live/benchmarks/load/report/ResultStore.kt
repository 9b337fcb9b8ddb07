package dev.live.benchmarks.load.report

import dev.live.benchmarks.load.generator.LoadResult
import kotlinx.serialization.Serializable
import kotlinx.serialization.encodeToString
import kotlinx.serialization.json.Json
import java.io.File

/**
 * The result of one server in one case and round.
 *
 * @property commit the measured commit, and [cpu] the processor; null in results from before they were recorded
 */
@Serializable
internal data class Record(
    val round: Int,
    val case: String,
    val server: String,
    val result: LoadResult,
    val commit: String? = null,
    val cpu: String? = null,
)

/**
 * The raw results, one small file each. A crash loses at most one of them, and an interrupted report can continue. The
 * report can be rendered again from these files at any time.
 */
internal class ResultStore(val directory: File) {
    private val json = Json { prettyPrint = true }

    fun has(round: Int, case: Case, server: Server): Boolean = file(round, case.name, server.name).exists()

    fun write(record: Record) {
        directory.mkdirs()
        file(record.round, record.case, record.server).writeText(json.encodeToString(record) + "\n")
    }

    fun all(): List<Record> =
        directory
            .listFiles { file -> file.extension == "json" && file.name != MACHINE }
            .orEmpty()
            .sortedBy { it.name }
            .map { json.decodeFromString<Record>(it.readText()) }

    /** Deletes the results of [cases]. */
    fun delete(cases: List<Case>) {
        val names = cases.map { it.name }.toSet()
        directory.listFiles { file -> file.extension == "json" && file.name.substringBefore('.') in names }
            ?.forEach { it.delete() }
    }

    fun writeMachine(machine: Machine) {
        directory.mkdirs()
        directory.resolve(MACHINE).writeText(json.encodeToString(machine) + "\n")
    }

    fun machine(): Machine = json.decodeFromString(directory.resolve(MACHINE).readText())

    private fun file(round: Int, case: String, server: String) = directory.resolve("$case.$server.$round.json")

    private companion object {
        const val MACHINE = "machine.json"
    }
}
