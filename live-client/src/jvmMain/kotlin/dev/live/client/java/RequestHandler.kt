package dev.live.client.java

/** Answers the server's requests of one type; see [JavaLiveClient.onRequest]. */
public fun interface RequestHandler<Q, R> {
    /**
     * The reply to [query]. May block; it is interrupted when its connection ends, or when it takes longer than the
     * client's `requestTimeout`.
     *
     * @throws Exception for a request that is not answered: [JavaLiveClient.refusal] says why to the server, anything
     *   else is told as `internal`
     */
    @Throws(Exception::class)
    public fun handle(query: Q): R
}
