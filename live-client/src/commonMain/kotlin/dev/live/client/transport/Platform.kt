package dev.live.client.transport

import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import io.ktor.client.HttpClient
import io.ktor.client.HttpClientConfig
import io.ktor.http.Headers
import kotlin.coroutines.CoroutineContext

// Platform-specific behavior of the HTTP engine and its WebSockets. All other connection code is common.

/** Creates an [HttpClient] on the default engine of this platform. */
internal expect fun defaultHttpClient(configure: HttpClientConfig<*>.() -> Unit): HttpClient

/** Context of the upgrade, which may block its thread; empty on platforms where nothing blocks. */
internal expect val upgradeContext: CoroutineContext

/** Whether engines of this platform support a maximum frame size, and the default engine a bounded queue of frames. */
internal expect val canLimitFrames: Boolean

/** The headers of the upgrade, in the form that this platform's engines support. */
internal expect fun upgradeHeaders(request: ConnectRequest): Headers

/** The close code to send for [code]: a replacement if clients of this platform may not send it. */
internal expect fun permittedCode(code: CloseCode): CloseCode

/** The connection failure for [e], or null if [e] is an error of the program, which the caller rethrows. */
internal expect fun connectionFailure(e: Throwable): Exception?

/** Whether [failure] is a rejected server certificate; always false if the platform does not report it. */
internal expect fun isCertificateError(failure: Exception): Boolean

/** The codecs offered by default, in order of preference: JSON last, because every server supports it. */
internal expect val defaultCodecs: List<Codec>
