package dev.live.fuzz.session

/** The first line of a script: a letter for each thing that is other than usual. */
internal class Options(line: String) {
    /** `i`: an interceptor passes every message on. */
    val hasInterceptor = 'i' in line

    /** `w`: sockets write when the queue wakes them, as on Netty. */
    val isWoken = 'w' in line

    /** `q`: the queue of a session takes 4 messages. */
    val hasSmallQueue = 'q' in line

    /** `h`: handlers run on a dispatcher, and not in place. */
    val hasHandlersElsewhere = 'h' in line

    /** `b`: lines come in one burst; the server does not run between them. */
    val isBurst = 'b' in line
}
