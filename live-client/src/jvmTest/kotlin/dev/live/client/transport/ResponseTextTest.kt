package dev.live.client.transport

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.http.Url

/** The text of a cause for an HTTP page instead of a WebSocket. The pages are the proxies' defaults in Debian 12. */
class ResponseTextTest : FunSpec({

    for ((proxy, page, text) in listOf(
        Triple(
            "nginx 1.22.1",
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
                "<center><h1>502 Bad Gateway</h1></center>\r\n",
            "Bad Gateway",
        ),
        Triple(
            "HAProxy 2.6.12",
            "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n" +
                "</body></html>\n",
            "Service Unavailable No server is available to handle this request.",
        ),
        Triple(
            "Apache 2.4.71",
            "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n" +
                "<title>503 Service Unavailable</title>\n</head><body>\n<h1>Service Unavailable</h1>",
            "Service Unavailable",
        ),
        Triple(
            "Varnish 7.1.1",
            "<!DOCTYPE html>\n<html>\n  <head>\n    <title>503 Backend fetch failed</title>\n  </head>",
            "Backend fetch failed",
        ),
        Triple(
            "lighttpd 1.4.69",
            "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n" +
                "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\">\n" +
                "<html>\n <head>\n  <title>503 Service Unavailable</title>\n </head>",
            "Service Unavailable",
        ),
    )) {
        test("a page of $proxy is reduced to its title or text without the status") {
            summaryOf(page, isHtml = true, text.let { if (proxy.startsWith("nginx")) 502 else 503 }) shouldBe text
        }
    }

    for ((body, text) in listOf(
        "" to "",
        "the server is full\nsecond line" to "the server is full",
        """{"error":"a < b"}""" to """{"error":"a < b"}""",
        "  <p>Log in</p>" to "Log in",
        "<p>a&amp;lt;b &quot;c&quot;&nbsp;d" to "a&lt;b \"c\" d",
        "<style>p { color: red }</style><script>if (a < b) alert()</script><!-- <b>hidden</b> -->shown" to "shown",
        "<p>cut off<script>var s = '" to "cut off",
        "<p>cut off</p" to "cut off",
        "<title></title><p>Hello</p>" to "Hello",
        "line\u001b[31m\u0007end" to "line [31m end",
        "<html>" + "x".repeat(5_000) to "x".repeat(200),
        "y".repeat(199) + "🌸" to "y".repeat(199),
        "z".repeat(198) + "🌸🌸" to "z".repeat(198) + "🌸",
    )) {
        test("'${body.take(40).replace(Regex("\\p{Cntrl}"), "?")}' is reduced to '${text.take(40)}'") {
            summaryOf(body, isHtml = false, status = 503) shouldBe text
        }
    }

    for ((location, target) in listOf(
        "/login" to "/login",
        "login?next=secret" to "login",
        "http://example.com:8080/login#top" to "/login",
        "https://example.com:8080" to "/",
        "https://user:secret@other.example/a" to "https://other.example/a",
        "//cdn.example/a" to "//cdn.example/a",
        "/" + "x".repeat(198) + "🌸" to "/" + "x".repeat(198),
        "https://h/" + "x".repeat(189) + "🌸" to "https://h/" + "x".repeat(189),
    )) {
        test("the target of a redirect to $location is $target") {
            redirectTarget(location, Url("ws://example.com:8080/live?token=secret")) shouldBe target
        }
    }
})
