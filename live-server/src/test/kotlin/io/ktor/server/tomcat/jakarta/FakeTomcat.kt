package io.ktor.server.tomcat.jakarta

import io.ktor.events.Events
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationEnvironment
import io.ktor.server.engine.ApplicationEngine
import io.ktor.server.engine.ApplicationEngineFactory
import io.ktor.server.engine.BaseApplicationEngine

/** An engine in the package of Ktor's Tomcat engine, which does nothing. */
internal object FakeTomcat : ApplicationEngineFactory<FakeTomcatEngine, BaseApplicationEngine.Configuration> {
    override fun configuration(configure: BaseApplicationEngine.Configuration.() -> Unit) =
        BaseApplicationEngine.Configuration().apply(configure)

    override fun create(
        environment: ApplicationEnvironment,
        monitor: Events,
        developmentMode: Boolean,
        configuration: BaseApplicationEngine.Configuration,
        applicationProvider: () -> Application,
    ) = FakeTomcatEngine(environment, monitor, developmentMode)
}

internal class FakeTomcatEngine(environment: ApplicationEnvironment, monitor: Events, developmentMode: Boolean) :
    BaseApplicationEngine(environment, monitor, developmentMode) {
    override fun start(wait: Boolean): ApplicationEngine = this

    override fun stop(gracePeriodMillis: Long, timeoutMillis: Long) = Unit
}
