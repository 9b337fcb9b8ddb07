package dev.live.docs.operations

import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.MessageType
import dev.live.server.Live
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import dev.live.server.observe.LiveObserver
import dev.live.server.observe.micrometer.MicrometerObserver
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.application.log
import io.ktor.server.routing.Route
import io.ktor.server.routing.application
import io.micrometer.core.instrument.MeterRegistry
import io.micrometer.core.instrument.Tag
import java.util.concurrent.atomic.LongAdder

// The code of docs/observing.md, and the members that it assumes.

internal class Member(val name: String, val isMuted: Boolean)

internal interface Members {
    fun byToken(token: String): Member?
}

internal fun Route.rooms(members: Members) {
    live<Member>("/live") {
        authenticate { call -> call.bearerToken()?.let(members::byToken) }
        intercept { message, next ->
            if (meta.isMuted && message.type == MessageType.PUBLISH) reject("you may only read", ErrorCode.Forbidden)
            next(message)
        }
        onOpen { application.log.info("{} connected", meta.name) }
        topic<String>("room/{room}") {
            onSubscribe { application.log.info("{} subscribed to {}", meta.name, topic) }
            onUnsubscribe { application.log.info("{} unsubscribed from {}", meta.name, topic) }
            onPublish { text -> broadcast("${meta.name}: $text") }
        }
        onClose { reason -> application.log.info("{} disconnected: {}", meta.name, reason) }
    }
}

class Deliveries : LiveObserver {
    private val count = LongAdder()

    override fun delivered(topic: String, messages: Int, subscribers: Int, bytes: Int) {
        count.add(messages.toLong() * subscribers)
    }

    override fun sessionClosed(session: String, code: CloseCode) {
        if (code == CloseCode.SlowConsumer) println("$session could not keep up")
    }
}

internal fun Application.observed(registry: MeterRegistry) {
    install(Live) {
        observe(Deliveries())
        observe(MicrometerObserver(registry, listOf(Tag.of("node", "a"))))
    }
}

internal fun statistics(application: Application) {
    val stats = application.live.stats
    println("${stats.sessions} sessions, ${stats.deliveries} deliveries, lost: ${stats.drops}, closed: ${stats.closes}")
}
