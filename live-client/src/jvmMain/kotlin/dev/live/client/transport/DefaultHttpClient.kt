package dev.live.client.transport

import io.ktor.client.HttpClient
import io.ktor.client.HttpClientConfig
import io.ktor.client.engine.cio.CIO

internal actual fun defaultHttpClient(configure: HttpClientConfig<*>.() -> Unit): HttpClient = HttpClient(
    CIO,
    configure,
)
