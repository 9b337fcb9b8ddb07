package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.session.CloseReason
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
 * What a `live<Meta>("/path") { }` block declares. Handlers run one message at a time per session, in the session's
 * scope; one that throws answers `internal` with a log id, and the session goes on.
 *
 * @param Meta what the application knows of a client, made by [authenticate]
 */
@KtorDsl
public class LiveEndpoint<Meta : Any> internal constructor(private val path: String) {
    internal var authenticate: (suspend (ApplicationCall) -> Meta?)? = null
        private set
    internal var authenticateByMessage: (suspend (String) -> Meta?)? = null
        private set
    internal var expires: ((Meta) -> Instant?)? = null
        private set
    internal var user: ((Meta) -> String?)? = null
        private set
    internal var intercept: (suspend SessionScope<Meta>.(Message, suspend (Message) -> Unit) -> Unit)? = null
        private set
    internal var onOpen: (suspend SessionScope<Meta>.() -> Unit)? = null
        private set
    internal var onMessage: (suspend SessionScope<Meta>.(Message) -> Unit)? = null
        private set
    internal var onClose: (suspend SessionScope<Meta>.(CloseReason) -> Unit)? = null
        private set
    internal var streams: StreamSettings? = null
        private set
    internal val topics: MutableList<TopicDeclaration<Meta, *>> = mutableListOf()
    internal val requests: MutableMap<String, RequestHandler<Meta, *, *>> = mutableMapOf()

    /**
     * Name of the query parameter that may carry the bearer token, or null: none may, the default. A token in a URL ends
     * up in logs and histories of others; live itself never logs it.
     */
    public var tokenParameter: String? = null

    /** Decides before the upgrade who the client is: what [block] returns becomes the session's meta, null answers 401. */
    public fun authenticate(block: suspend (call: ApplicationCall) -> Meta?) {
        check(authenticate == null) { "live(\"$path\") has authenticate twice" }
        authenticate = block
    }

    /**
     * Takes a bearer token in an `auth` message: as the first one, within `limits { authTimeout }`, from clients that
     * [authenticate] does not know or where there is none; later as a fresh one. Null ends the session (4401), and
     * so does a fresh one of another [user], or where no user is known one whose meta does not equal the session's.
     */
    public fun authenticateByMessage(block: suspend (token: String) -> Meta?) {
        check(authenticateByMessage == null) { "live(\"$path\") has authenticateByMessage twice" }
        authenticateByMessage = block
    }

    /**
     * Says when the token behind [meta] runs out, null for never: asked when a session begins and when it got a fresh
     * token. Must not block. When the time has come, the session is closed (4401), a second late at most.
     *
     * Where [authenticateByMessage] can take a fresh token, the client is told `limits { expiryWarning }` before, or
     * when half of the time is over if that is later; `live-client` then sends one by itself.
     */
    public fun expires(block: (meta: Meta) -> Instant?) {
        check(expires == null) { "live(\"$path\") has expires twice" }
        expires = block
    }

    /** What the application calls the user behind a session, to find and reach all of a user's sessions; null for nobody. */
    public fun user(block: (meta: Meta) -> String?) {
        check(user == null) { "live(\"$path\") has user twice" }
        user = block
    }

    /**
     * Declares the topics whose name matches [pattern], such as `room/{room}`: segments between slashes, each literal or
     * a parameter; a last `{rest...}` stands for all that remains. Where two match, the more literal one counts.
     *
     * Their payloads are JSON of type [T]; what does not fit is answered with `bad_payload`.
     *
     * @throws IllegalArgumentException if [pattern] is not one, or was declared already
     */
    public inline fun <reified T> topic(
        pattern: String,
        noinline configure: TopicDeclaration<Meta, T>.() -> Unit = {},
    ): Unit = topic(pattern, serializer<T>(), configure)

    /** Declares topics whose payloads are what [serializer] reads; see the other `topic`. */
    public fun <T> topic(
        pattern: String,
        serializer: KSerializer<T>,
        configure: TopicDeclaration<Meta, T>.() -> Unit = {},
    ): Unit = declare(TopicDeclaration(TopicPattern(pattern), JsonPayload(serializer)), configure)

    /** Declares topics whose payloads live does not look into: bytes, JSON or none. See `topic` for [pattern]. */
    public fun rawTopic(pattern: String, configure: TopicDeclaration<Meta, Body?>.() -> Unit = {}): Unit =
        declare(TopicDeclaration(TopicPattern(pattern), RawPayload), configure)

    /**
     * Answers messages of [type] with a `reply` that holds what [handler] returns.
     *
     * @param idempotent for how long a request that comes with a key is answered with the reply that the first one of
     *   its user had, and [handler] does not run again; null: each one runs. Positive and finite. Such a handler runs
     *   to its end though its session ends meanwhile. See docs/requests.md for the bounds and what is answered when
     *   they are met.
     * @throws IllegalArgumentException if [type] is one of the protocol's own, or has a handler already
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
        require(type !in MessageType.All) { "request type '$type' is one of the protocol's own; choose another" }
        require(type !in requests) { "request type '$type' is declared twice" }
        requests[type] =
            RequestHandler(JsonPayload(requestSerializer), JsonPayload(responseSerializer), idempotent, handler)
    }

    /**
     * Stands between a session's messages and everything that handles them, subscribing and publishing too; `ping`,
     * `pong` and the `auth` of [authenticateByMessage] never come by.
     *
     * `next` handles a message and returns when that is done. It may be called once, before [block] returns, with another
     * message than the one that came; then keep its `ref`, or the client does not know the answer. What `next` throws is
     * what the client is told. A message for which it is not called is swallowed: who sent it with a `ref` waits for an
     * answer, unless [block] sends one. To refuse a message with an error, call [SessionScope.reject].
     *
     * [block] runs where handlers run, and the time that a handler may take counts for it and all within `next`.
     */
    public fun intercept(
        block: suspend SessionScope<Meta>.(message: Message, next: suspend (Message) -> Unit) -> Unit,
    ) {
        check(intercept == null) { "live(\"$path\") has intercept twice" }
        intercept = block
    }

    /** Runs when a session begins, before anything is read from it: the place to launch what lives as long as it. */
    public fun onOpen(block: suspend SessionScope<Meta>.() -> Unit) {
        check(onOpen == null) { "live(\"$path\") has onOpen twice" }
        onOpen = block
    }

    /**
     * Gets every message that nothing else here takes. Where no topics are declared that is every type but `ping` and
     * `pong`; without this handler they are answered with `unknown_type`.
     */
    public fun onMessage(block: suspend SessionScope<Meta>.(message: Message) -> Unit) {
        check(onMessage == null) { "live(\"$path\") has onMessage twice" }
        onMessage = block
    }

    /** Runs once when a session has ended, after it has left its topics; nothing can be sent to it any more. */
    public fun onClose(block: suspend SessionScope<Meta>.(reason: CloseReason) -> Unit) {
        check(onClose == null) { "live(\"$path\") has onClose twice" }
        onClose = block
    }

    /**
     * Serves the endpoint's topics as server-sent events too, for clients that cannot have a WebSocket and only listen:
     * `GET /live/sse?topic=room/lobby` for an endpoint at `/live`. Each is a session with one topic; everything that is
     * declared here counts for it, but for [authenticateByMessage]. See docs/server-sent-events.md.
     *
     * @param under the path below the endpoint's
     * @param retry how long a browser waits before it connects again, at least; 100 ms to 1 hour. It is told up to twice
     *   that, so that not all come back at the same time
     * @throws IllegalArgumentException if [under] is empty or [retry] is out of its bounds
     */
    public fun serverSentEvents(under: String = "sse", retry: Duration = 3.seconds) {
        check(streams == null) { "live(\"$path\") has serverSentEvents twice" }
        require(
            under.any {
                it != '/'
            },
        ) { "serverSentEvents needs a path below the endpoint's, such as \"sse\", was '$under'" }
        require(retry in 100.milliseconds..1.hours) { "retry must be 100 ms to 1 hour, was $retry" }
        streams = StreamSettings(under, retry)
    }

    private fun <T> declare(
        declaration: TopicDeclaration<Meta, T>,
        configure: TopicDeclaration<Meta, T>.() -> Unit,
    ) {
        val same = topics.find { it.pattern.shape == declaration.pattern.shape }
        require(same == null) {
            "topic pattern '${declaration.pattern}' is declared twice: '${same?.pattern}' matches the same names"
        }
        topics += declaration.apply(configure)
    }
}
