package dev.live.fuzz

import java.io.File

/** Where things are in the repository, whichever of its folders a program was started in. */
internal object Places {
    /** The repository. */
    val root: File =
        checkNotNull(
            generateSequence(File("").absoluteFile) {
                it.parentFile
            }.find { File(it, "live-fuzz/corpus").exists() },
        ) {
            "Start the fuzzers inside the repository."
        }

    /** Inputs that are kept for [target]. */
    fun corpusOf(target: FuzzTarget): File = File(root, "live-fuzz/corpus/${target.name}")

    /** Where a run of [target] has its working corpus, its log and what crashes it. */
    fun workOf(target: FuzzTarget): File = File(root, "live-fuzz/target/fuzz/${target.name}")
}
