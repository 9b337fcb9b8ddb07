package dev.live.benchmarks.load.generator

import kotlin.random.Random

/** JSON like that of an order book: names that repeat, and values that differ. */
internal object JsonContent {
    /** An object of about [size] bytes, with the [marker] of the generator or another text as its id. */
    fun of(size: Int, random: Random, marker: String): String =
        buildString {
            append("""{"id":"$marker","symbol":"LIVE","bids":[""")
            var isFirst = true
            while (isFirst || length < size - ENTRY) {
                if (!isFirst) append(',')
                isFirst = false
                val price = "${random.nextInt(90, 110)}.${random.nextInt(10, 100)}"
                append("""{"price":$price,"amount":${random.nextInt(1, 5_000)},"orders":${random.nextInt(1, 40)}}""")
            }
            append("]}")
        }

    /** About half of the length of an entry, so that sizes are right on average. */
    private const val ENTRY = 20
}
