package dev.live.server.topic

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.Codepoint
import io.kotest.property.arbitrary.alphanumeric
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.of
import io.kotest.property.arbitrary.pair
import io.kotest.property.arbitrary.string
import io.kotest.property.checkAll

class TopicPatternTest : FunSpec({

    context("pattern matching") {
        for ((pattern, name, parameters) in matches) {
            test("$pattern ${if (parameters == null) "does not match" else "matches"} '$name'") {
                TopicPattern(pattern).match(name)?.toString() shouldBe parameters?.toString()
            }
        }
    }

    test("a pattern matches a name built from it and returns its parameters") {
        val segment = Arb.pair(Arb.of("literal", "parameter"), Arb.string(1, 8, legalInSegments))
        checkAll(Arb.list(segment, 1..5), Arb.list(Arb.string(0, 4, legalInSegments), 1..4)) { segments, tail ->
            val rest = tail.joinToString("/")
            val pattern = segments.withIndex().joinToString("/") { (i, it) ->
                if (it.first ==
                    "literal"
                ) {
                    it.second
                } else {
                    "{p$i}"
                }
            }
            val name = segments.joinToString("/") { it.second }

            val plain = TopicPattern(pattern).match(name).shouldNotBeNull()
            val withRest = TopicPattern("$pattern/{rest...}").match("$name/$rest")

            for ((i, it) in segments.withIndex()) if (it.first == "parameter") plain["p$i"] shouldBe it.second
            if (rest.isEmpty()) withRest.shouldBeNull() else withRest.shouldNotBeNull()["rest"] shouldBe rest
            TopicPattern(pattern).match("$name/more").shouldBeNull()
            TopicPattern(pattern).match("$name/").shouldBeNull()
            TopicPattern("more/$pattern").match(name)?.let { error("'more/$pattern' matched '$name'") }
        }
    }

    test("the more literal of several matching patterns comes first") {
        val patterns =
            listOf(
                "room/lobby",
                "room/lob{y}",
                "room/lo{by}",
                "room/lo{by...}",
                "room/{room}",
                "room/{rest...}",
                "roo{m...}",
                "{a}/lobby",
                "{a}/{b}",
                "{rest...}",
            )

        patterns.shuffled().sortedBy { TopicPattern(it).specificity } shouldBe patterns
    }

    test("two patterns have the same shape exactly when they match the same names") {
        TopicPattern("a/{x}").shape shouldBe TopicPattern("a/{y}").shape
        TopicPattern("a/{x...}").shape shouldBe TopicPattern("a/{y...}").shape
        TopicPattern("a:{x}").shape shouldBe TopicPattern("a:{y}").shape
        val different = listOf("a/{x}", "a/{x...}", "a/b", "{x}/b", "a/{x}/{y}", "a", "a/b{x}", "a/b{x...}", "a/c{x}")
        different.map { TopicPattern(it).shape }.toSet().size shouldBe different.size
    }

    context("an invalid pattern is rejected with a reason") {
        for ((pattern, reason) in mistakes) {
            test("'$pattern': $reason") {
                shouldThrow<IllegalArgumentException> { TopicPattern(pattern) }.message shouldBe reason
            }
        }
    }

    test("an unknown parameter is rejected with the list of known parameters") {
        val parameters = TopicPattern("room/{room}").match("room/1").shouldNotBeNull()

        parameters["room"] shouldBe "1"
        shouldThrow<IllegalArgumentException> { parameters["rom"] }.message shouldBe
            "topic pattern 'room/{room}' has no parameter 'rom'; it has [room]"
    }

    test("any text is a valid pattern or an error, and never fails to match with an exception") {
        val text = Arb.list(Arb.of("a", "/", "{", "}", "{x}", "{x...}", "..."), 0..8)
        checkAll(text, text) { pattern, name ->
            try {
                TopicPattern(pattern.joinToString("")).match(name.joinToString(""))
            } catch (e: IllegalArgumentException) {
                e.message.shouldNotBeNull()
            }
        }
    }
})

private val legalInSegments = Codepoint.alphanumeric()

private val matches: List<Triple<String, String, Map<String, String>?>> =
    listOf(
        Triple("lobby", "lobby", mapOf()),
        Triple("lobby", "Lobby", null),
        Triple("lobby", "", null),
        Triple("lobby", "lobby/", null),
        Triple("lobby", "lobby2", null),
        Triple("room/{room}", "room/42", mapOf("room" to "42")),
        Triple("room/{room}", "room/ä ö", mapOf("room" to "ä ö")),
        Triple("room/{room}", "room/", null),
        Triple("room/{room}", "room", null),
        Triple("room/{room}", "room/42/x", null),
        Triple("room/{room}", "rooms/42", null),
        Triple("{a}/{b}", "x/y", mapOf("a" to "x", "b" to "y")),
        Triple("{a}/{b}", "/y", null),
        Triple("{a}", "x/y", null),
        Triple("doc/{path...}", "doc/a", mapOf("path" to "a")),
        Triple("doc/{path...}", "doc/a/b//c", mapOf("path" to "a/b//c")),
        Triple("doc/{path...}", "doc/", null),
        Triple("doc/{path...}", "doc", null),
        Triple("{all...}", "a/b", mapOf("all" to "a/b")),
        Triple("sync:{scope...}", "sync:list/42", mapOf("scope" to "list/42")),
        Triple("sync:{scope...}", "sync:", null),
        Triple("sync:{scope...}", "synd:x", null),
        Triple("sync:{scope...}", "sync", null),
        Triple("a/user-{id}", "a/user-7", mapOf("id" to "7")),
        Triple("a/user-{id}", "a/user-7/x", null),
        Triple("a//b", "a//b", mapOf()),
        Triple("a//b", "a/x/b", null),
        Triple("a/", "a/", mapOf()),
        Triple("a/", "a", null),
    )

private val mistakes =
    listOf(
        "" to "a topic pattern must not be empty",
        "a/{x}/{x}" to "topic pattern 'a/{x}/{x}' uses a parameter name twice",
        "{x...}/a" to "topic pattern '{x...}/a': only the last segment may end in '...}'",
        "{x}-room" to "topic pattern '{x}-room': a parameter must be at the end of its segment, was '{x}-room'",
        "a}{x}" to "topic pattern 'a}{x}': a parameter must be at the end of its segment, was 'a}{x}'",
        "a{x...}/b" to "topic pattern 'a{x...}/b': only the last segment may end in '...}'",
        "a/{x" to "topic pattern 'a/{x': a parameter must be at the end of its segment, was '{x'",
        "a/x}" to "topic pattern 'a/x}': a parameter must be at the end of its segment, was 'x}'",
        "a/{}" to "topic pattern 'a/{}': a parameter name must consist of letters, digits and '_', was ''",
        "a/{...}" to "topic pattern 'a/{...}': a parameter name must consist of letters, digits and '_', was ''",
        "a/{x-y}" to "topic pattern 'a/{x-y}': a parameter name must consist of letters, digits and '_', was 'x-y'",
        "a/{x}{y}" to "topic pattern 'a/{x}{y}': a parameter name must consist of letters, digits and '_', was 'x}{y'",
    )
