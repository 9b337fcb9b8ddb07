package dev.live.server

import io.kotest.assertions.throwables.shouldNotThrowAny
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.engine.spec.tempdir
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.shouldBe
import io.ktor.server.config.ApplicationConfig
import io.ktor.server.config.ConfigLoader
import io.ktor.server.config.MapApplicationConfig
import java.io.File
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The page about configuration says what the code does. */
class ConfigurationPageTest : FunSpec({
    val page = File("../docs/configuration.md").readLines()
    val rows = page.filter { it.startsWith("| `live.") }.map(::Row)

    test("the table has every key, in the order of the code") {
        rows.map { it.key } shouldContainExactly configKeys.map { it.name }
    }

    test("a default in the table is the code's") {
        val fresh = LiveConfig()

        rows.map { it.key to it.default } shouldContainExactly configKeys.map { it.name to it.textIn(fresh) }
    }

    test("what the table says is the least or the most is taken, and what is beyond it is not") {
        val bounded = rows.filter { Regex("at least|at most|more than \\d").containsMatchIn(it.allowed) }

        bounded.shouldNotBeEmpty().forAll { row ->
            row.bound("at least")?.let { least ->
                row.isTaken(least) shouldBe true
                row.isTaken(below(least)) shouldBe false
            }
            row.bound("at most")?.let { most ->
                row.isTaken(most) shouldBe true
                row.isTaken("${most.toInt() + 1}") shouldBe false
            }
            row.bound("more than")?.let { bound ->
                row.isTaken(bound) shouldBe false
                row.isTaken("1ms") shouldBe true
            }
        }
    }

    test("words that the table allows are taken, and others are not") {
        rows.filter { Regex("(`[a-z]+`(, )?)+(;.*)?").matches(it.allowed) }.shouldNotBeEmpty().forAll { row ->
            Regex("`([a-z]+)`").findAll(row.allowed).forEach { row.isTaken(it.groupValues[1]) shouldBe true }
            row.isTaken("whatever") shouldBe false
        }
    }

    test("every setting of the code's has a key, but those that are code") {
        val blocks =
            mapOf(
                "session" to SessionConfig::class.java,
                "heartbeat" to HeartbeatConfig::class.java,
                "topics" to TopicsConfig::class.java,
                "limits" to LimitsConfig::class.java,
                "drain" to DrainConfig::class.java,
            )

        val settings =
            blocks.flatMap { (name, block) ->
                block.methods
                    .map { it.name.substringBefore('-') }
                    .filter { it.startsWith("set") }
                    .map { "$name.${it.removePrefix("set").replaceFirstChar(Char::lowercase)}" }
            }

        settings.filterNot { setting -> configKeys.any { it.name == setting } } shouldContainExactly
            listOf("session.handlerDispatcher")
    }

    context("the YAML of the page, from a file") {
        val yaml = page.dropWhile { it != "```yaml" }.drop(1).takeWhile { it != "```" }
        val file = File(tempdir(), "application.yaml").apply { writeText(yaml.joinToString("\n")) }

        test("without environment variables") {
            val settings = liveConfigOf(loaded(file).config("live")).build()

            settings.session.run { listOf(queueBound.messages, writeTimeout) } shouldBe listOf(512, 5.seconds)
            settings.limits.maxConnections shouldBe Int.MAX_VALUE
            settings.limits.origins.allows("https://admin.example.com", host = null) shouldBe true
            settings.session.reconnectWindow shouldBe Duration.ZERO..10.seconds
        }

        test("with them, which Ktor also takes from system properties") {
            val settings =
                with(mapOf("LIVE_QUEUE" to "64", "LIVE_CONNECTIONS" to "1000", "LIVE_ORIGINS" to "")) {
                    liveConfigOf(loaded(file).config("live")).build()
                }

            settings.session.queueBound.messages shouldBe 64
            settings.limits.maxConnections shouldBe 1_000
            settings.limits.origins.allows("https://app.example.com", host = null) shouldBe false
        }

        test("a mistake in it is found as anywhere else") {
            val wrong = File(tempdir(), "application.yaml").apply { writeText("live:\n  sesion:\n    maxTopics: 3\n") }

            shouldThrow<IllegalArgumentException> { liveConfigOf(loaded(wrong).config("live")) }.message shouldBe
                "live.sesion.maxTopics is no setting of live; the nearest is live.session.maxTopics."
        }

        test("lists, numbers and keys without a value") {
            val other =
                File(tempdir(), "application.yaml").apply {
                    writeText(
                        """
                        live:
                          codecs: [json, cbor]
                          session:
                            maxTopics: 3
                            queueCapacity:
                          origins:
                            allow:
                              - https://a.com
                              - https://b.com
                        """.trimIndent(),
                    )
                }

            val settings = shouldNotThrowAny { liveConfigOf(loaded(other).config("live")).build() }

            settings.codecs.size shouldBe 2
            settings.session.run { listOf(maxTopics, queueBound.messages) } shouldBe listOf(3, 256)
            settings.limits.origins.allows("https://b.com", host = null) shouldBe true
        }
    }
})

private class Row(line: String) {
    private val cells = line.trim('|').split(" | ").map { it.trim() }
    val key = cells[0].trim('`').removePrefix("live.")
    val default = cells[1].trim('`')
    val allowed = cells[2]

    fun bound(words: String): String? = Regex("$words (\\d+[a-z]*)").find(allowed)?.groupValues?.get(1)

    fun isTaken(value: String): Boolean =
        withClue("live.$key: $value") {
            try {
                liveConfigOf(MapApplicationConfig("live.$key" to value).config("live"))
                true
            } catch (_: IllegalArgumentException) {
                false
            }
        }

    override fun toString(): String = key
}

private fun below(value: String): String =
    value.toIntOrNull()?.let { "${it - 1}" } ?: "${Duration.parse(value) - 1.milliseconds}"

private fun loaded(file: File): ApplicationConfig = ConfigLoader.load(file.path)

private fun <T> with(properties: Map<String, String>, block: () -> T): T {
    properties.forEach(System::setProperty)
    try {
        return block()
    } finally {
        properties.keys.forEach(System::clearProperty)
    }
}
