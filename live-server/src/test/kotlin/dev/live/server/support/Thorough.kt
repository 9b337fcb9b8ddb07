package dev.live.server.support

private val isThorough: Boolean = System.getProperty("live.test.thorough").toBoolean()

/** The amount of work of a load or race test: [quick] in the build, [thorough] with `-Dlive.test.thorough=true`. */
fun <T> amount(quick: T, thorough: T): T = if (isThorough) thorough else quick
