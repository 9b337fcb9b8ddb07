package dev.live.server.endpoint

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.client.request.get
import io.ktor.client.request.header
import io.ktor.client.statement.bodyAsText
import io.ktor.http.HttpHeaders
import io.ktor.server.response.respondText
import io.ktor.server.routing.get
import io.ktor.server.routing.routing
import io.ktor.server.testing.testApplication
import kotlin.io.encoding.Base64

class BearerTokenTest : FunSpec({

    context("the token of a request is found") {
        for (case in cases) {
            test(case.name) {
                testApplication {
                    routing {
                        get("/") {
                            if (case.queryAllowed) call.attributes.put(TokenParameter, "token")
                            call.respondText(call.bearerToken() ?: "none")
                        }
                    }

                    val response = client.get("/${case.query}") {
                        case.authorization?.let { header(HttpHeaders.Authorization, it) }
                        for (line in case.subprotocols) header(HttpHeaders.SecWebSocketProtocol, line)
                    }

                    response.bodyAsText() shouldBe (case.token ?: "none")
                }
            }
        }
    }
})

private class Case(
    val name: String,
    val token: String?,
    val authorization: String? = null,
    val subprotocols: List<String> = emptyList(),
    val query: String = "",
    val queryAllowed: Boolean = false,
)

private fun offered(token: String, base64: Base64 = Base64.UrlSafe.withPadding(Base64.PaddingOption.ABSENT)) =
    "live.bearer." + base64.encode(token.encodeToByteArray())

private val cases =
    listOf(
        Case("nowhere", token = null),
        Case("in the header", token = "abc.def", authorization = "Bearer abc.def"),
        Case("in the header, with the scheme in any case", token = "abc", authorization = "bearer  abc"),
        Case("not in a header of another scheme", token = null, authorization = "Basic YWJj"),
        Case("in a subprotocol", token = "töken", subprotocols = listOf(offered("töken"))),
        Case("in a subprotocol among others", token = "abc", subprotocols = listOf("live.v1.json, ${offered("abc")}")),
        Case(
            "in a subprotocol on a line of its own",
            token = "abc",
            subprotocols = listOf("live.v1.json", offered("abc")),
        ),
        Case("in a subprotocol with padding", token = "a", subprotocols = listOf(offered("a", Base64.UrlSafe))),
        Case("in a subprotocol beside a header of another scheme", "abc", "Basic YWJj", listOf(offered("abc"))),
        Case("in the header rather than in a subprotocol", "first", "Bearer first", listOf(offered("second"))),
        Case("not in a subprotocol that is not base64url", token = null, subprotocols = listOf("live.bearer.a+b*")),
        Case("not in a subprotocol that is not UTF-8", token = null, subprotocols = listOf("live.bearer._w")),
        Case("not in the query", token = null, query = "?token=abc"),
        Case("in the query where the endpoint allows it", token = "abc", query = "?token=abc", queryAllowed = true),
        Case("not in another parameter of the query", token = null, query = "?bearer=abc", queryAllowed = true),
        Case(
            "in a subprotocol rather than in the query",
            "abc",
            null,
            listOf(offered("abc")),
            "?token=x",
            queryAllowed = true,
        ),
    )
