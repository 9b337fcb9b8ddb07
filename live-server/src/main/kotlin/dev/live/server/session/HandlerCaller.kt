package dev.live.server.session

/** The code that calls a handler. It decides how the handler is limited to the handler timeout. */
internal enum class HandlerCaller {
    /** The session's reader, which reads no message meanwhile. */
    Reader,

    /** A coroutine of the application. */
    Application,

    /** The end of the session. One timeout covers the handlers of all topics. */
    SessionEnd,
}
