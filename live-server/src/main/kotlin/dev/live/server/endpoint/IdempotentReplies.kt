package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.server.session.Session
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import java.security.MessageDigest
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.TimeSource

/** How many keys and replies of one idempotent request are kept on this node. */
internal class KeyLimits(
    val keysPerUser: Int = 100,
    val keys: Int = 10_000,
    val replyBytes: Int = 64 * 1024,
    val bytes: Int = 16 * 1024 * 1024,
)

/**
 * What one declared request answered to requests with a key, for [window] after each of them came.
 *
 * A key that is known is never carried out again: whoever asks with it waits for the run that is under way, or gets the
 * reply that it had. Where a bound leaves no room for a further key its request is refused before it is carried out,
 * and where there is none for a reply, the repeat is refused: a key is not forgotten early to make room. What failed
 * was not carried out as far as anybody was told, and may be asked for again.
 *
 * Old keys are forgotten when the next one comes, those of an owner that is gone at once. Every function may be called from any thread.
 *
 * @param now a clock in milliseconds
 */
internal class IdempotentReplies(
    private val window: Duration,
    private val limits: KeyLimits = KeyLimits(),
    private val now: () -> Long = monotonicClock(),
) {
    init {
        require(window.isPositive() && window.isFinite()) { "idempotent must be positive and finite, was $window" }
    }

    // guards all that follows; nothing of the application's runs under it, and nothing suspends
    private val lock = Any()
    private val byOwner = HashMap<String, LinkedHashMap<String, Entry>>()
    private val oldestFirst = LinkedHashSet<Entry>()
    private var bytes = 0L

    /** Keys that are kept. */
    val size: Int get() = synchronized(lock) { oldestFirst.size }

    /**
     * The reply to [request], whose ref is the key of [owner]. The first one runs [handle] in [scope], so that it comes
     * to its end even if whoever asked does not wait for that.
     *
     * @throws LiveException if the handler failed, the key was used for something else, or there is no room
     */
    suspend fun reply(owner: String, request: Message, scope: CoroutineScope, handle: suspend () -> Outcome): Body? {
        val print = fingerprint(request)
        var first: Entry? = null
        val outcome =
            synchronized(lock) {
                forgetOld()
                val entry = byOwner[owner]?.get(request.ref) ?: admit(owner, request.ref, print).also { first = it }
                if (!entry.print.contentEquals(print)) throw LiveException(ErrorCode.BadPayload, OTHER_USE)
                entry.outcome
            }
        first?.let { entry ->
            scope.launch(CoroutineName("live-idempotent")) { settle(entry, handle()) }
                .invokeOnCompletion { if (!outcome.isCompleted) abandon(entry) }
        }
        return outcome.await().bodyOrThrow()
    }

    /** Nobody is [owner] any more: its keys take no room, those that are being carried out from their end on. */
    fun forget(owner: String) {
        synchronized(lock) {
            val mine = byOwner[owner] ?: return
            for (entry in mine.values.toList()) if (entry.isSettled) remove(entry) else entry.isUnwanted = true
        }
    }

    private fun admit(owner: String, ref: String, print: ByteArray): Entry {
        val mine = byOwner[owner]
        if (mine != null && mine.size >= limits.keysPerUser) {
            throw full("a user may use at most ${limits.keysPerUser} keys within $window", mine.values.first())
        }
        if (oldestFirst.size >= limits.keys) {
            throw full("at most ${limits.keys} keys are kept within $window", oldestFirst.first())
        }
        val entry = Entry(owner, ref, print, until = now() + window.inWholeMilliseconds)
        byOwner.getOrPut(owner) { LinkedHashMap() }[ref] = entry
        oldestFirst += entry
        return entry
    }

    private fun full(reason: String, oldest: Entry): LiveException =
        LiveException(ErrorCode.RateLimited, reason, (oldest.until - now()).coerceAtLeast(1).milliseconds)

    private fun settle(entry: Entry, outcome: Outcome) {
        val waited = entry.outcome
        synchronized(lock) {
            entry.isSettled = true
            if (outcome.failure != null || entry.isUnwanted) {
                remove(entry)
            } else {
                val size = outcome.body?.size ?: 0
                val isKept = size <= limits.replyBytes && bytes + size <= limits.bytes
                if (isKept) keep(entry, size) else entry.outcome = CompletableDeferred(NOT_KEPT)
            }
        }
        waited.complete(outcome)
    }

    private fun keep(entry: Entry, size: Int) {
        entry.size = size
        bytes += size
    }

    /** The server ends: nobody will carry it out. */
    private fun abandon(entry: Entry) {
        synchronized(lock) { remove(entry) }
        entry.outcome.cancel()
    }

    private fun forgetOld() {
        val time = now()
        while (true) {
            val oldest = oldestFirst.firstOrNull() ?: return
            if (oldest.until > time || !oldest.isSettled) return
            remove(oldest)
        }
    }

    private fun remove(entry: Entry) {
        if (!oldestFirst.remove(entry)) return
        bytes -= entry.size
        val mine = byOwner.getValue(entry.owner)
        mine.remove(entry.ref)
        if (mine.isEmpty()) byOwner.remove(entry.owner)
    }

    /** How a request ended: with the [body] of its reply, or with a [failure]. */
    class Outcome(val body: Body?, val failure: LiveException? = null) {
        /** @throws LiveException if it failed; one for each who asked */
        fun bodyOrThrow(): Body? {
            if (failure != null) throw LiveException(failure.code, failure.reason, failure.retryAfter)
            return body
        }
    }

    /** One key. What changes is guarded by the lock. */
    private class Entry(val owner: String, val ref: String, val print: ByteArray, val until: Long) {
        /** What whoever comes now waits for; completed when the request has been carried out. */
        var outcome = CompletableDeferred<Outcome>()
        var size = 0
        var isSettled = false

        /** Whether its owner is gone. */
        var isUnwanted = false
    }

    companion object {
        private const val OTHER_USE = "this key was used for another payload; a key stands for one request"
        private val NOT_KEPT =
            Outcome(
                body = null,
                LiveException(ErrorCode.TooLarge, "carried out already, but its reply was too large to be kept"),
            )

        /** Whose keys those of [session] are: its user's, or its own where nobody knows who it is. */
        fun ownerOf(session: Session<*>): String = session.user?.let { "user $it" } ?: "session ${session.id}"

        /** Whether nobody can use the keys of [session] again once that has ended. */
        fun endWith(session: Session<*>): Boolean = session.user == null

        private fun fingerprint(request: Message): ByteArray {
            val digest = MessageDigest.getInstance("SHA-256")
            digest.update(request.topic.toByteArray())
            digest.update(0) // no topic has it
            val body = request.body
            if (body != null) digest.update(if (body is Body.Json) 1 else 2)
            when (body) {
                null -> Unit
                is Body.Json -> digest.update(body.text.toByteArray())
                is Body.Bytes -> digest.update(body.toByteArray())
            }
            return digest.digest()
        }

        private fun monotonicClock(): () -> Long {
            val start = TimeSource.Monotonic.markNow()
            return { start.elapsedNow().inWholeMilliseconds }
        }
    }
}
