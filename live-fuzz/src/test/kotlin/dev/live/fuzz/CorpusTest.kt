package dev.live.fuzz

import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldNotBeEmpty

class CorpusTest : FunSpec({

    for (target in FuzzTarget.ALL) {
        test("the inputs that are kept for '${target.name}' break no rule") {
            val inputs = Places.corpusOf(target).listFiles().orEmpty().sorted()
            inputs.shouldNotBeEmpty()

            for (input in inputs) withClue(input.name) { target.run(input.readBytes()) }
        }

        test("the seeds of '${target.name}' break no rule") {
            for (seed in target.seeds()) withClue(seed.decodeToString()) { target.run(seed) }
        }
    }
})
