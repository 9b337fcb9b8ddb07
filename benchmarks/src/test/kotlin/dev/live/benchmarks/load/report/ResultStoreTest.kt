package dev.live.benchmarks.load.report

import dev.live.benchmarks.load.generator.LoadResult
import io.kotest.core.spec.style.FunSpec
import io.kotest.engine.spec.tempdir
import io.kotest.matchers.collections.shouldContainExactly

class ResultStoreTest :
    FunSpec({
        test("deletes the results of selected cases only, although the name of one starts with that of another") {
            val store = ResultStore(tempdir())
            for (case in listOf(Case.FANOUT, Case.FANOUT_SINGLY, Case.ECHO)) store.write(record(case))

            store.delete(Case.ALL.filter { it.name == Case.FANOUT })

            store.all().map { it.case } shouldContainExactly listOf(Case.ECHO, Case.FANOUT_SINGLY)
        }
    })

private fun record(case: String): Record =
    Record(1, case, "live", LoadResult("fanout", "live", subscribers = 1, topics = 1, payload = 128))
