package dev.live.server.http

import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.element
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.map
import io.kotest.property.arbitrary.string
import io.kotest.property.checkAll

/** Checks the negotiation of compression against RFC 6455, section 9.1, and RFC 7692, section 7.1. */
class ExtensionsTest : FunSpec({

    test("an acceptable offer is accepted without context takeover in either direction") {
        val accepted =
            listOf(
                "permessage-deflate",
                "permessage-deflate; client_max_window_bits", // Chromium, Node ws
                "permessage-deflate; client_max_window_bits=8",
                "permessage-deflate; client_max_window_bits=\"15\"",
                "permessage-deflate; server_no_context_takeover",
                "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
                "permessage-deflate ; client_max_window_bits = 10\t; server_no_context_takeover",
                "x-webkit-deflate-frame, permessage-deflate",
                "foo; a=\"b\"; c, permessage-deflate",
                ", ,permessage-deflate,,",
            )

        for (header in accepted) withClue(header) { response(header) shouldBe ACCEPTED }
    }

    test("an offer that requires the largest window of the server is accepted with it") {
        response("permessage-deflate; server_max_window_bits=15") shouldBe "$ACCEPTED; server_max_window_bits=15"
        response("permessage-deflate; server_max_window_bits=\"1\\5\"") shouldBe "$ACCEPTED; server_max_window_bits=15"
    }

    test("offers with unknown, invalid, repeated or unsupported parameters are declined") {
        val declined =
            listOf(
                "",
                "permessage-bzip2",
                "Permessage-Deflate",
                "permessage-deflate; unknown",
                "permessage-deflate; server_no_context_takeover=1",
                "permessage-deflate; client_no_context_takeover=true",
                "permessage-deflate; client_max_window_bits; client_max_window_bits",
                "permessage-deflate; client_max_window_bits=7",
                "permessage-deflate; client_max_window_bits=16",
                "permessage-deflate; client_max_window_bits=08",
                "permessage-deflate; client_max_window_bits=+9",
                "permessage-deflate; server_max_window_bits",
                "permessage-deflate; server_max_window_bits=14", // java.util.zip cannot limit its window
                "permessage-deflate; server_max_window_bits=8; client_max_window_bits",
            )

        for (header in declined) withClue(header) { response(header).shouldBeNull() }
    }

    test("the first acceptable of several offers is accepted") {
        response("permessage-deflate; server_max_window_bits=10, permessage-deflate") shouldBe ACCEPTED
        response("permessage-deflate; server_max_window_bits=15, permessage-deflate") shouldBe
            "$ACCEPTED; server_max_window_bits=15"
    }

    test("a header that violates the grammar is malformed") {
        val malformed =
            listOf(
                ";",
                "permessage-deflate;",
                "permessage-deflate; =15",
                "permessage-deflate; client_max_window_bits=",
                "permessage-deflate; client_max_window_bits=\"15",
                "permessage-deflate; client_max_window_bits=\"15\\",
                "permessage-deflate; client_max_window_bits=\"\"",
                "permessage-deflate; client_max_window_bits=\" 15\"",
                "permessage-deflate; client_max_window_bits=\"1,5\"",
                "permessage-deflate client_max_window_bits",
                "permessage-deflate; a=b c",
                "perméssage-deflate",
                "permessage-deflate\u0000",
            )

        for (header in malformed) withClue(header) { parseExtensions(header).shouldBeNull() }
    }

    test("names, parameters and values are read in their order") {
        parseExtensions("a;b=c;d, e ; f = \"g\\h\" ,a") shouldBe
            listOf(
                Extension("a", listOf("b" to "c", "d" to null)),
                Extension("e", listOf("f" to "gh")),
                Extension("a", emptyList()),
            )
    }

    test("no header makes the parser or the negotiation throw") {
        val parts =
            listOf("permessage-deflate", "client_max_window_bits", "15", ";", ",", "=", "\"", "\\", " ", "\t", "é")
        checkAll(2_000, Arb.list(Arb.element(parts), 0..20).map { it.joinToString("") }) { response(it) }
        checkAll(2_000, Arb.string(0..40)) { response(it) }
    }

    test("every printed list of extensions is read back") {
        val name = Arb.element("permessage-deflate", "a", "x-1!", "client_max_window_bits")
        val value = Arb.element(null, "8", "t_1")
        checkAll(500, Arb.list(name, 0..4), Arb.list(value, 0..4)) { names, values ->
            val extensions = names.map { Extension(it, values.mapIndexed { i, v -> "p$i" to v }) }

            parseExtensions(extensions.joinToString(",", transform = ::printed)) shouldBe extensions
            parseExtensions(extensions.joinToString(" , ") { printed(it).replace("=8", "=\"8\"") }) shouldBe extensions
        }
    }
})

private const val ACCEPTED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

private fun response(header: String): String? = parseExtensions(header)?.let(::acceptDeflate)

private fun printed(extension: Extension): String =
    extension.name +
        extension.parameters.joinToString("") { (name, value) -> ";$name" + value?.let { "=$it" }.orEmpty() }
