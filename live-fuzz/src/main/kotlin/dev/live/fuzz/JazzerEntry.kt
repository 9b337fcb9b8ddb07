package dev.live.fuzz

/** The class that Jazzer calls; the system property `live.fuzz.target` names the target. */
internal object JazzerEntry {
    private val target = FuzzTarget.named(System.getProperty("live.fuzz.target"))

    /** Loads what there is to load, which takes seconds and is not to count as the time of an input. */
    @JvmStatic
    fun fuzzerInitialize(): Unit = target.seeds().forEach(target::run)

    @JvmStatic
    fun fuzzerTestOneInput(input: ByteArray): Unit = target.run(input)
}
