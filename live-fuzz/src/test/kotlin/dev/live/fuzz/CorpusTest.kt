package dev.live.fuzz

import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldNotBeEmpty

class CorpusTest : FunSpec({

    for (target in FuzzTarget.ALL) {
        test("the corpus of '${target.name}' violates no invariant") {
            val inputs = RepositoryPaths.corpusOf(target).listFiles().orEmpty().sorted()
            inputs.shouldNotBeEmpty()

            for (input in inputs) withClue(input.name) { target.run(input.readBytes()) }
        }

        test("the seeds of '${target.name}' violate no invariant") {
            for (seed in target.seeds()) withClue(seed.decodeToString()) { target.run(seed) }
        }
    }
})
