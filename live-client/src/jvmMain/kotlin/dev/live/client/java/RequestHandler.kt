package dev.live.client.java

/** Handles the server's requests of one type; see [JavaLiveClient.onRequest]. */
public fun interface RequestHandler<Q, R> {
    /**
     * Returns the reply to [query]. May block; the thread is interrupted when the connection ends, or after the
     * client's `requestTimeout`.
     *
     * @throws Exception to reject the request: the server receives the code and reason of an exception created by
     *   [JavaLiveClient.refusal], and `internal` for any other exception
     */
    @Throws(Exception::class)
    public fun handle(query: Q): R
}
