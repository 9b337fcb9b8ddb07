package dev.live.fuzz

import java.io.File

/** Paths in the repository, for programs that start in any of its folders. */
internal object RepositoryPaths {
    /** The root folder of the repository. */
    val root: File =
        checkNotNull(
            generateSequence(File("").absoluteFile) {
                it.parentFile
            }.find { File(it, "live-fuzz/corpus").exists() },
        ) {
            "Start the fuzzers inside the repository."
        }

    /** The corpus of [target] in the repository. */
    fun corpusOf(target: FuzzTarget): File = File(root, "live-fuzz/corpus/${target.name}")

    /** The working folder of [target]: working corpus, log and crashes. */
    fun workOf(target: FuzzTarget): File = File(root, "live-fuzz/target/fuzz/${target.name}")
}
