package dev.live.docs.access

import com.auth0.jwt.JWTVerifier
import com.auth0.jwt.exceptions.JWTVerificationException
import com.auth0.jwt.interfaces.Payload
import dev.live.server.Live
import dev.live.server.endpoint.bearerAuthHeader
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.auth.Authentication
import io.ktor.server.auth.authenticate
import io.ktor.server.auth.jwt.JWTPrincipal
import io.ktor.server.auth.jwt.jwt
import io.ktor.server.auth.principal
import io.ktor.server.request.receiveStream
import io.ktor.server.response.respond
import io.ktor.server.routing.post
import io.ktor.server.routing.routing
import java.io.InputStream
import kotlin.time.Instant
import kotlin.time.toKotlinInstant

// The code of docs/tokens.md, and the users that it assumes.

internal class User(val name: String, val tokenEnds: Instant? = null)

internal interface Users {
    fun byCookie(value: String?): User?

    fun byToken(token: String): User?
}

internal interface Files {
    fun store(owner: String, content: InputStream)
}

internal fun Application.bearers() {
    install(Live)
    routing {
        live<User>("/live") {
            authenticate { call -> call.bearerToken()?.let(users::byToken) } // null: 401
            authenticateByMessage { token -> users.byToken(token) } // a fresh token; null: 4401
            expires { it.tokenEnds }
            user { it.name }
        }
    }
}

internal fun Application.uploads() {
    routing {
        val chat = live<User>("/live") { authenticate { call -> call.bearerToken()?.let(users::byToken) } }
        post("/files") {
            val user = chat.identify(call) ?: return@post call.respond(HttpStatusCode.Unauthorized)
            files.store(user.name, call.receiveStream())
        }
    }
}

internal fun Application.jwts(verifier: JWTVerifier) {
    install(Live)
    install(Authentication) {
        jwt("jwt") {
            verifier(verifier)
            validate { JWTPrincipal(it.payload) }
            authHeader { call -> call.bearerAuthHeader() } // also reads the subprotocol that browsers send
        }
    }
    routing {
        authenticate("jwt") {
            live<Payload>("/live") {
                authenticate { call -> call.principal<JWTPrincipal>()?.payload }
                authenticateByMessage { token -> verifier.verifyOrNull(token) }
                expires { it.expiresAtAsInstant?.toKotlinInstant() }
                user { it.subject }
            }
        }
    }
}

internal fun JWTVerifier.verifyOrNull(token: String): Payload? =
    try {
        verify(token)
    } catch (_: JWTVerificationException) {
        null
    }

internal fun Application.cookies() {
    install(Live) {
        origins { allow("https://app.example.com") } // in addition to pages of the server's own host
    }
    routing {
        live<User>("/live") {
            authenticate { call -> users.byCookie(call.request.cookies["sid"]) }
        }
    }
}

internal val users: Users =
    object : Users {
        override fun byCookie(value: String?): User? = value?.let { User(it) }

        override fun byToken(token: String): User? = User(token)
    }

internal val files: Files =
    object : Files {
        override fun store(owner: String, content: InputStream) = content.close()
    }
