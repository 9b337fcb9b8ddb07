package dev.live.server.operate

import java.security.MessageDigest
import kotlin.io.encoding.Base64

/**
 * The admin page: one HTML document with inline script and style, so that it works at any path.
 *
 * @property html the document
 * @property policy its `Content-Security-Policy`: only the inline script and style, and connections to the same origin
 */
internal class AdminPage {
    private val script = resource("admin.js")
    private val style = resource("admin.css")

    val html: String = resource("admin.html").replace(STYLE, style).replace(SCRIPT, script)

    val policy: String =
        "default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; connect-src 'self'; " +
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    private companion object {
        const val STYLE = "/*style*/"
        const val SCRIPT = "/*script*/"

        fun resource(name: String): String {
            val stream = AdminPage::class.java.getResourceAsStream("/dev/live/server/admin/$name")
            return checkNotNull(stream) { "the resource $name is missing from the jar of live-server" }
                .use { it.readBytes().decodeToString() }
        }

        fun hashOf(text: String): String =
            "sha256-" + Base64.encode(MessageDigest.getInstance("SHA-256").digest(text.encodeToByteArray()))
    }
}
