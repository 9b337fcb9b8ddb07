package dev.live.fuzz

/** The class that Jazzer calls. The system property `live.fuzz.target` names the target. */
internal object JazzerEntry {
    private val target = FuzzTarget.named(System.getProperty("live.fuzz.target"))

    /** Loads the target's classes, which takes seconds and must not count for the first input. */
    @JvmStatic
    fun fuzzerInitialize(): Unit = target.seeds().forEach(target::run)

    @JvmStatic
    fun fuzzerTestOneInput(input: ByteArray): Unit = target.run(input)
}
