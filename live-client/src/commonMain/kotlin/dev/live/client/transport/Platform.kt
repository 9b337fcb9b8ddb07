package dev.live.client.transport

import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import io.ktor.client.HttpClient
import io.ktor.client.HttpClientConfig
import io.ktor.http.Headers
import kotlin.coroutines.CoroutineContext

// What a platform's engine and its WebSockets decide; everything else about connecting is common.

/** An [HttpClient] on the engine that this platform has without further choice. */
internal expect fun defaultHttpClient(configure: HttpClientConfig<*>.() -> Unit): HttpClient

/** Where an upgrade is made, which may block its thread; empty where nothing can block. */
internal expect val upgradeContext: CoroutineContext

/** Whether engines of this platform can be told how large a frame may be, and its default one how many may wait. */
internal expect val canLimitReading: Boolean

/** The headers of the upgrade, in the form in which this platform's engines pass them on. */
internal expect fun upgradeHeaders(request: ConnectRequest): Headers

/** What to close with in place of [code], where a client of this platform may not say that. */
internal expect fun sayable(code: CloseCode): CloseCode

/** What [e] says about the connection, or null if it says something about this program, which is to be thrown on. */
internal expect fun failureIn(e: Throwable): Exception?

/** Whether [failure] is that the server's certificate is not to be trusted; false where the platform does not tell. */
internal expect fun isOfCertificate(failure: Exception): Boolean

/** What is offered without further choice, the most wanted first: JSON last, which every server speaks. */
internal expect val defaultCodecs: List<Codec>
