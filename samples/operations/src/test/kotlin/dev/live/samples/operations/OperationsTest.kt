package dev.live.samples.operations

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.client.request.basicAuth
import io.ktor.client.request.bearerAuth
import io.ktor.client.request.get
import io.ktor.client.request.post
import io.ktor.client.request.setBody
import io.ktor.client.statement.bodyAsText
import io.ktor.http.ContentType
import io.ktor.http.HttpStatusCode
import io.ktor.http.contentType
import io.ktor.server.testing.ApplicationTestBuilder
import io.ktor.server.testing.testApplication

class OperationsTest : FunSpec({

    test("only operators can open the admin page") {
        testApplication {
            application { operations(PASSWORD, KEY) }

            client.get("/live-admin").status shouldBe HttpStatusCode.Unauthorized
            client.get("/live-admin") { basicAuth("admin", "guessed") }.status shouldBe HttpStatusCode.Unauthorized
            client.get("/live-admin/api/overview") { basicAuth("admin", PASSWORD) }.bodyAsText() shouldContain
                """"sessions":0"""
        }
    }

    test("a load balancer needs no password to check the health") {
        testApplication {
            application { operations(PASSWORD, KEY) }

            client.get("/health").status shouldBe HttpStatusCode.OK
        }
    }

    test("a backend can publish prices only") {
        testApplication {
            application { operations(PASSWORD, KEY) }

            publish("""{"topic":"prices/all","data":{"symbol":"S1","cents":1}}""") shouldBe HttpStatusCode.OK
            publish("""{"topic":"prices/all","data":{"symbol":"S1"}}""") shouldBe HttpStatusCode.BadRequest
            publish("""{"topic":"secrets","data":1}""") shouldBe HttpStatusCode.NotFound
        }
    }
})

private const val PASSWORD = "a password for tests"
private const val KEY = "a-key-for-tests-that-is-long-enough"

private suspend fun ApplicationTestBuilder.publish(json: String): HttpStatusCode =
    client.post("/publish") {
        bearerAuth(KEY)
        contentType(ContentType.Application.Json)
        setBody(json)
    }.status
