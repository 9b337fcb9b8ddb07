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

/** Checks docs/configuration.md against the code. */
class ConfigurationDocsTest : FunSpec({
    val page = File("../docs/configuration.md").readLines()
    val rows = page.filter { it.startsWith("| `live.") }.map(::Row)

    test("the table lists the declared settings with their defaults, accepted values and meanings") {
        page.filter { it.startsWith("| `live.") } shouldContainExactly
            LiveConfig().settings.map { "| `live.${it.key}` | `${it.text}` | ${it.allowed} | ${it.meaning} |" }
    }

    test("bounds in the table are accepted, values beyond them are rejected") {
        val bounded = rows.filter { Regex("at least|at most|more than \\d").containsMatchIn(it.allowed) }

        bounded.shouldNotBeEmpty().forAll { row ->
            row.bound("at least")?.let { least ->
                row.isAccepted(least) shouldBe true
                row.isAccepted(below(least)) shouldBe false
            }
            row.bound("at most")?.let { most ->
                row.isAccepted(most) shouldBe true
                row.isAccepted("${most.toInt() + 1}") shouldBe false
            }
            row.bound("more than")?.let { bound ->
                row.isAccepted(bound) shouldBe false
                row.isAccepted("1ms") shouldBe true
            }
        }
    }

    test("words in the table are accepted, others are rejected") {
        rows.filter { Regex("(`[a-z]+`(, )?)+(;.*)?").matches(it.allowed) }.shouldNotBeEmpty().forAll { row ->
            Regex("`([a-z]+)`").findAll(row.allowed).forEach { row.isAccepted(it.groupValues[1]) shouldBe true }
            row.isAccepted("unknown") shouldBe false
        }
    }

    test("every setting has a key, except those that take code") {
        val blocks =
            mapOf(
                "session" to SessionConfig::class.java,
                "heartbeat" to HeartbeatConfig::class.java,
                "topics" to TopicsConfig::class.java,
                "limits" to LimitsConfig::class.java,
                "compression" to CompressionConfig::class.java,
                "drain" to DrainConfig::class.java,
            )

        val settings =
            blocks.flatMap { (name, block) ->
                block.methods
                    .map { it.name.substringBefore('-') }
                    .filter { it.startsWith("set") }
                    .map { "$name.${it.removePrefix("set").replaceFirstChar(Char::lowercase)}" }
            }

        settings.filterNot { setting -> LiveConfig().settings.any { it.key == setting } } shouldContainExactly
            listOf("session.handlerDispatcher")
    }

    context("the YAML example of the page") {
        val yaml = page.dropWhile { it != "```yaml" }.drop(1).takeWhile { it != "```" }
        val file = File(tempdir(), "application.yaml").apply { writeText(yaml.joinToString("\n")) }

        test("loads without environment variables") {
            val settings = liveConfigOf(loaded(file).config("live")).build()

            settings.session.run { listOf(queueBound.messages, writeTimeout) } shouldBe listOf(512, 5.seconds)
            settings.limits.maxConnections shouldBe Int.MAX_VALUE
            settings.limits.origins.allows("https://admin.example.com", host = null) shouldBe true
            settings.session.reconnectWindow shouldBe Duration.ZERO..10.seconds
        }

        test("loads with environment variables, which Ktor also reads from system properties") {
            val settings =
                with(mapOf("LIVE_QUEUE" to "64", "LIVE_CONNECTIONS" to "1000", "LIVE_ORIGINS" to "")) {
                    liveConfigOf(loaded(file).config("live")).build()
                }

            settings.session.queueBound.messages shouldBe 64
            settings.limits.maxConnections shouldBe 1_000
            settings.limits.origins.allows("https://app.example.com", host = null) shouldBe false
        }

        test("reports an unknown key in a YAML file") {
            val wrong = File(tempdir(), "application.yaml").apply { writeText("live:\n  sesion:\n    maxTopics: 3\n") }

            shouldThrow<IllegalArgumentException> { liveConfigOf(loaded(wrong).config("live")) }.message shouldBe
                "Unknown setting 'live.sesion.maxTopics'. Did you mean 'live.session.maxTopics'?"
        }

        test("accepts lists, numbers and keys without a value") {
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

            settings.dialects.subprotocols.size shouldBe 2
            settings.session.run { listOf(maxTopics, queueBound.messages) } shouldBe listOf(3, 256)
            settings.limits.origins.allows("https://b.com", host = null) shouldBe true
        }
    }
})

private class Row(line: String) {
    private val cells = line.trim('|').split(" | ").map { it.trim() }
    val key = cells[0].trim('`').removePrefix("live.")
    val allowed = cells[2]

    fun bound(words: String): String? = Regex("$words (\\d+[a-z]*)").find(allowed)?.groupValues?.get(1)

    fun isAccepted(value: String): Boolean =
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
