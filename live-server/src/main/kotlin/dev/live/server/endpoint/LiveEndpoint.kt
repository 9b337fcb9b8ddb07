package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.session.CloseReason
import dev.live.server.topic.TopicPattern
import io.ktor.server.application.ApplicationCall
import io.ktor.utils.io.KtorDsl
import kotlinx.serialization.KSerializer
import kotlinx.serialization.serializer
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.Instant

/**
 * Declarations of a `live<Meta>("/path") { }` block. Handlers run in the session's scope, one message at a time per
 * session. If a handler throws, the client receives the error `internal` with a log id, and the session continues.
 *
 * @param Meta application data about a client, returned by [authenticate]
 */
@KtorDsl
public class LiveEndpoint<Meta : Any> internal constructor(private val path: String) {
    // private: the server uses the result of build(), which later calls do not change
    private var authenticate: (suspend (ApplicationCall) -> Meta?)? = null
    private var authenticateByMessage: (suspend (String) -> Meta?)? = null
    private var expires: ((Meta) -> Instant?)? = null
    private var user: ((Meta) -> String?)? = null
    private var intercept: (suspend SessionScope<Meta>.(Message, suspend (Message) -> Unit) -> Unit)? = null
    private var onOpen: (suspend SessionScope<Meta>.() -> Unit)? = null
    private var onMessage: (suspend SessionScope<Meta>.(Message) -> Unit)? = null
    private var onClose: (suspend SessionScope<Meta>.(CloseReason) -> Unit)? = null
    private var streams: StreamSettings? = null
    private val topics = mutableListOf<TopicSpec<Meta, *>>()
    private val requests = mutableMapOf<String, RequestHandler<Meta, *, *>>()

    /** Whether a client must authenticate. */
    internal val isAuthenticated: Boolean get() = authenticate != null || authenticateByMessage != null

    /**
     * Name of the query parameter that may contain the bearer token. Default null: no parameter is read. Tokens in URLs
     * end up in the logs of proxies and in browser histories; live itself never logs them.
     */
    public var tokenParameter: String? = null

    /** Authenticates the client before the upgrade. The result becomes the session's meta; null rejects it with 401. */
    public fun authenticate(block: suspend (call: ApplicationCall) -> Meta?) {
        check(authenticate == null) { "live(\"$path\") has authenticate twice" }
        authenticate = block
    }

    /**
     * Authenticates clients by a bearer token in an `auth` message. The message must be the first one, within
     * `limits { authTimeout }`, if [authenticate] is missing or returned null. Later `auth` messages renew the token.
     *
     * Null closes the session (4401). A renewal also closes it if the new token belongs to another [user], or, for a
     * session without a user, if the new meta does not equal the session's meta.
     */
    public fun authenticateByMessage(block: suspend (token: String) -> Meta?) {
        check(authenticateByMessage == null) { "live(\"$path\") has authenticateByMessage twice" }
        authenticateByMessage = block
    }

    /**
     * Returns the time at which the token of a session expires, null for never. [block] is called when a session begins
     * and after each renewal, and must not block. The session is closed (4401) at that time, at most one second late.
     *
     * If [authenticateByMessage] is declared, the client is notified `limits { expiryWarning }` before, or after half
     * of the remaining time if that is later. `live-client` then renews the token automatically.
     */
    public fun expires(block: (meta: Meta) -> Instant?) {
        check(expires == null) { "live(\"$path\") has expires twice" }
        expires = block
    }

    /** Returns the user id of a session, to find and address all sessions of a user; null for an anonymous session. */
    public fun user(block: (meta: Meta) -> String?) {
        check(user == null) { "live(\"$path\") has user twice" }
        user = block
    }

    /**
     * Declares all topics with a name that matches [pattern], such as `room/{room}`. A pattern consists of segments
     * between slashes, each a literal or a parameter; a final `{rest...}` matches the remaining segments. If several
     * patterns match, the most literal one is used.
     *
     * Payloads are JSON of type [T]; other payloads are rejected with `bad_payload`.
     *
     * @throws IllegalArgumentException if [pattern] is invalid or already declared
     */
    public inline fun <reified T> topic(
        pattern: String,
        noinline configure: TopicDeclaration<Meta, T>.() -> Unit = {},
    ): Unit = topic(pattern, serializer<T>(), configure)

    /** Declares topics with payloads that [serializer] decodes; see the other `topic`. */
    public fun <T> topic(
        pattern: String,
        serializer: KSerializer<T>,
        configure: TopicDeclaration<Meta, T>.() -> Unit = {},
    ): Unit = declare(TopicDeclaration(TopicPattern(pattern), JsonPayload(serializer)), configure)

    /** Declares topics with payloads that live does not decode: bytes, JSON or none. See `topic` for [pattern]. */
    public fun rawTopic(pattern: String, configure: TopicDeclaration<Meta, Body?>.() -> Unit = {}): Unit =
        declare(TopicDeclaration(TopicPattern(pattern), RawPayload), configure)

    /**
     * Declares a request: the result of [handler] is sent as the `reply` to each message of [type].
     *
     * @param idempotent how long the reply to a request with a key is stored. A repeated request of the same user and
     *   key on this node receives the stored reply, and [handler] does not run again; on another node it runs again.
     *   Null runs every request. Positive and finite.
     *   The handler completes even if its session ends before. See docs/requests.md for the limits and their errors.
     * @throws IllegalArgumentException if [type] is a type of the protocol, or already has a handler
     */
    public inline fun <reified Req, reified Res> request(
        type: String,
        idempotent: Duration? = null,
        noinline handler: suspend SessionScope<Meta>.(Req) -> Res,
    ): Unit = request(type, serializer<Req>(), serializer<Res>(), idempotent, handler)

    /** See the other `request`. */
    public fun <Req, Res> request(
        type: String,
        requestSerializer: KSerializer<Req>,
        responseSerializer: KSerializer<Res>,
        idempotent: Duration? = null,
        handler: suspend SessionScope<Meta>.(Req) -> Res,
    ) {
        require(type !in MessageType.All) { "request type '$type' is reserved by the protocol. Choose another type." }
        require(type !in requests) { "request type '$type' is declared twice" }
        requests[type] =
            RequestHandler(JsonPayload(requestSerializer), JsonPayload(responseSerializer), idempotent, handler)
    }

    /**
     * Intercepts all messages of a session before they are handled, including subscribe and publish. `ping`, `pong` and
     * the `auth` messages of [authenticateByMessage] are not intercepted.
     *
     * `next` handles a message and returns when it has been handled. Call it at most once, before [block] returns. It
     * accepts a changed message; keep the `ref`, or the client cannot match the reply. Exceptions thrown by `next` are
     * the errors that the client receives. Without a call of `next` the message is dropped; a client that sent it with
     * a `ref` then waits for a reply, unless [block] sends one. To reject a message with an error, call
     * [SessionScope.reject].
     *
     * [block] runs on the dispatcher of handlers. One handler timeout covers [block] and everything inside `next`.
     */
    public fun intercept(
        block: suspend SessionScope<Meta>.(message: Message, next: suspend (Message) -> Unit) -> Unit,
    ) {
        check(intercept == null) { "live(\"$path\") has intercept twice" }
        intercept = block
    }

    /** Runs when a session begins, before its first message is read. Launch coroutines here that live as long as it. */
    public fun onOpen(block: suspend SessionScope<Meta>.() -> Unit) {
        check(onOpen == null) { "live(\"$path\") has onOpen twice" }
        onOpen = block
    }

    /**
     * Handles all messages without another handler. In an endpoint without topics and requests these are all types
     * except `ping` and `pong`. Without this handler such messages are rejected with `unknown_type`.
     */
    public fun onMessage(block: suspend SessionScope<Meta>.(message: Message) -> Unit) {
        check(onMessage == null) { "live(\"$path\") has onMessage twice" }
        onMessage = block
    }

    /** Runs once after a session has ended and its subscriptions are removed. Messages can no longer be sent to it. */
    public fun onClose(block: suspend SessionScope<Meta>.(reason: CloseReason) -> Unit) {
        check(onClose == null) { "live(\"$path\") has onClose twice" }
        onClose = block
    }

    /**
     * Also serves the endpoint's topics as server-sent events, for clients that cannot use a WebSocket and only
     * receive: `GET /live/sse?topic=room/lobby` for an endpoint at `/live`. Each stream is a session with one topic.
     * All declarations of the endpoint apply to it, except [authenticateByMessage]. See docs/server-sent-events.md.
     *
     * @param path below the path of the endpoint
     * @param retry minimum delay before a browser reconnects, 100 ms to 1 hour. The server sends a random delay of up
     *   to twice this value, so that clients do not all reconnect at the same time
     * @throws IllegalArgumentException if [path] is empty or [retry] is out of range
     */
    public fun serverSentEvents(path: String = "sse", retry: Duration = 3.seconds) {
        check(streams == null) { "live(\"${this.path}\") has serverSentEvents twice" }
        require(path.any { it != '/' }) {
            "serverSentEvents needs a path below the endpoint's path, such as \"sse\", was '$path'"
        }
        require(retry in 100.milliseconds..1.hours) { "retry must be 100 ms to 1 hour, was $retry" }
        streams = StreamSettings(path, retry)
    }

    private fun <T> declare(
        declaration: TopicDeclaration<Meta, T>,
        configure: TopicDeclaration<Meta, T>.() -> Unit,
    ) {
        val same = topics.find { it.pattern.shape == declaration.pattern.shape }
        require(same == null) {
            "topic pattern '${declaration.pattern}' is declared twice: '${same?.pattern}' matches the same names"
        }
        topics += declaration.apply(configure).build()
    }

    /** The declarations made so far. Later calls do not change the result. */
    internal fun build(): EndpointSpec<Meta> =
        EndpointSpec(
            tokenParameter = tokenParameter,
            authenticate = authenticate,
            authenticateByMessage = authenticateByMessage,
            expires = expires,
            user = user,
            intercept = intercept,
            onOpen = onOpen,
            onMessage = onMessage,
            onClose = onClose,
            streams = streams,
            topics = topics.toList(),
            requests = requests.toMap(),
        )
}
