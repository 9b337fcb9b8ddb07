package dev.live.server

import io.ktor.server.application.ApplicationCall
import io.ktor.server.auth.AuthenticationRouteSelector
import io.ktor.server.auth.principal
import io.ktor.server.routing.Route
import io.ktor.server.routing.RoutingNode

/** Access to Ktor's Authentication plugin, which is an optional dependency. */
internal object KtorAuth {
    private val isAvailable: Boolean =
        try {
            Class.forName("io.ktor.server.auth.AuthenticationRouteSelector", false, KtorAuth::class.java.classLoader)
            true
        } catch (_: ClassNotFoundException) {
            false
        }

    /** Whether [route] is inside an `authenticate { }` block, including an optional one. */
    fun surrounds(route: Route): Boolean =
        isAvailable &&
            generateSequence(route as? RoutingNode) { it.parent }.any { it.selector is AuthenticationRouteSelector }

    /**
     * Whether [call] has a principal. It can be absent with `authenticate(optional = true)` or a provider's `skipWhen`.
     */
    fun hasPrincipal(call: ApplicationCall): Boolean = isAvailable && call.principal<Any>() != null
}
