package dev.live.samples.tutorial.tokens

import com.auth0.jwt.JWT
import com.auth0.jwt.algorithms.Algorithm
import com.auth0.jwt.exceptions.JWTVerificationException
import kotlin.time.Clock
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Instant
import kotlin.time.toJavaInstant
import kotlin.time.toKotlinInstant

class User(val name: String, val tokenEnds: Instant)

/** Issues and verifies tokens that are signed with [secret] and valid for [lifetime]. */
class Tokens(secret: String, private val lifetime: Duration = 10.minutes) {
    private val algorithm = Algorithm.HMAC256(secret)
    private val verifier = JWT.require(algorithm).build()

    fun issue(name: String): String =
        JWT.create().withSubject(name).withExpiresAt((Clock.System.now() + lifetime).toJavaInstant()).sign(algorithm)

    /** Returns the user, or null if [token] is not valid. */
    fun verify(token: String): User? =
        try {
            verifier.verify(token).run { User(subject, expiresAtAsInstant.toKotlinInstant()) }
        } catch (_: JWTVerificationException) {
            null
        }
}
