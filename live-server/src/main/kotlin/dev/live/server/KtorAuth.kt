package dev.live.server

import io.ktor.server.application.ApplicationCall
import io.ktor.server.auth.AuthenticationRouteSelector
import io.ktor.server.auth.principal
import io.ktor.server.routing.Route
import io.ktor.server.routing.RoutingNode

/** What Ktor's plugin for authentication says, for applications that have it: it is an optional dependency. */
internal object KtorAuth {
    private val isThere: Boolean =
        try {
            Class.forName("io.ktor.server.auth.AuthenticationRouteSelector", false, KtorAuth::class.java.classLoader)
            true
        } catch (_: ClassNotFoundException) {
            false
        }

    /** Whether [route] is within an `authenticate { }`, be it one that lets strangers pass. */
    fun surrounds(route: Route): Boolean =
        isThere &&
            generateSequence(route as? RoutingNode) { it.parent }.any { it.selector is AuthenticationRouteSelector }

    /** Whether somebody is behind [call]: `authenticate(optional = true)` and a provider's `skipWhen` let in nobody too. */
    fun knows(call: ApplicationCall): Boolean = isThere && call.principal<Any>() != null
}
