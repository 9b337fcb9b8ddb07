package dev.live.fuzz.session

/** The first line of a script. Each letter changes one default. */
internal class Options(line: String) {
    /** `i`: an interceptor passes every message on. */
    val hasInterceptor = 'i' in line

    /** `w`: sockets write when the queue wakes them, as on Netty. */
    val isWoken = 'w' in line

    /** `q`: the queue of a session has 4 slots. */
    val hasSmallQueue = 'q' in line

    /** `h`: handlers run on a dispatcher instead of in place. */
    val hasHandlerDispatcher = 'h' in line

    /** `b`: all lines arrive in one burst; the server does not run in between. */
    val isBurst = 'b' in line
}
