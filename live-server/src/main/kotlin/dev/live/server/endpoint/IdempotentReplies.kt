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

/**
 * Limits for the stored keys and replies of one idempotent request on this node.
 *
 * @property keysPerUser maximum number of keys per owner
 * @property keys maximum number of keys in total
 * @property replyBytes maximum payload of one stored reply, in bytes
 * @property bytes maximum payload of all stored replies, in bytes
 */
internal class KeyLimits(
    val keysPerUser: Int = 100,
    val keys: Int = 10_000,
    val replyBytes: Int = 64 * 1024,
    val bytes: Int = 16 * 1024 * 1024,
)

/**
 * Stores the replies of one declared request by idempotency key, each for [window] from the arrival of the key's first
 * request.
 *
 * A known key is never executed again: a repeated request waits for the current execution, or receives its stored
 * reply. If a limit allows no further key, the request is rejected before execution. If a limit does not allow the
 * reply to be stored, repeated requests are rejected. Keys are never removed early to make space. Failed executions are
 * not stored, so the client may retry with the same key.
 *
 * Expired keys are removed when the next key arrives, and the keys of an ended owner at once. Every function may be
 * called from any thread.
 *
 * @param now a monotonic clock in milliseconds
 */
internal class IdempotentReplies(
    private val window: Duration,
    private val limits: KeyLimits = KeyLimits(),
    private val now: () -> Long = monotonicClock(),
) {
    init {
        require(window.isPositive() && window.isFinite()) { "idempotent must be positive and finite, was $window" }
    }

    // Guards all fields below. No application code runs under it, and nothing suspends.
    private val lock = Any()
    private val byOwner = HashMap<String, LinkedHashMap<String, Entry>>()
    private val oldestFirst = LinkedHashSet<Entry>()
    private var bytes = 0L

    /** Number of stored keys. */
    val size: Int get() = synchronized(lock) { oldestFirst.size }

    /**
     * Returns the reply to [request]; the ref of the request is a key of [owner]. The first request of a key runs
     * [handle] in [scope], so that it completes even if the caller is cancelled.
     *
     * @throws LiveException if the handler failed, the key was used for another payload, or a limit is reached
     */
    suspend fun reply(owner: String, request: Message, scope: CoroutineScope, handle: suspend () -> Outcome): Body? {
        val fingerprint = fingerprint(request)
        var added: Entry? = null
        val outcome =
            synchronized(lock) {
                removeExpired()
                val entry = byOwner[owner]?.get(request.ref) ?: add(owner, request.ref, fingerprint).also { added = it }
                if (!entry.fingerprint.contentEquals(fingerprint)) {
                    throw LiveException(ErrorCode.BadPayload, KEY_REUSED)
                }
                entry.outcome
            }
        added?.let { entry ->
            scope.launch(CoroutineName("live-idempotent")) { complete(entry, handle()) }
                .invokeOnCompletion { if (!outcome.isCompleted) abandon(entry) }
        }
        return outcome.await().bodyOrThrow()
    }

    /** Removes all keys of [owner], which has ended. Keys that are being executed are removed on completion. */
    fun forget(owner: String) {
        synchronized(lock) {
            val entries = byOwner[owner] ?: return
            for (entry in entries.values.toList()) if (entry.isCompleted) remove(entry) else entry.isOwnerGone = true
        }
    }

    private fun add(owner: String, ref: String, fingerprint: ByteArray): Entry {
        val entries = byOwner[owner]
        if (entries != null && entries.size >= limits.keysPerUser) {
            throw limitReached("at most ${limits.keysPerUser} keys per user within $window", entries.values.first())
        }
        if (oldestFirst.size >= limits.keys) {
            throw limitReached("at most ${limits.keys} keys on this node within $window", oldestFirst.first())
        }
        val entry = Entry(owner, ref, fingerprint, expiresAt = now() + window.inWholeMilliseconds)
        byOwner.getOrPut(owner) { LinkedHashMap() }[ref] = entry
        oldestFirst += entry
        return entry
    }

    private fun limitReached(reason: String, oldest: Entry): LiveException =
        LiveException(ErrorCode.RateLimited, reason, (oldest.expiresAt - now()).coerceAtLeast(1).milliseconds)

    private fun complete(entry: Entry, outcome: Outcome) {
        val pending = entry.outcome
        synchronized(lock) {
            entry.isCompleted = true
            if (outcome.failure != null || entry.isOwnerGone) {
                remove(entry)
            } else {
                val size = outcome.body?.size ?: 0
                val canStore = size <= limits.replyBytes && bytes + size <= limits.bytes
                if (canStore) store(entry, size) else entry.outcome = CompletableDeferred(NOT_STORED)
            }
        }
        pending.complete(outcome)
    }

    private fun store(entry: Entry, size: Int) {
        entry.size = size
        bytes += size
    }

    /** Called if the server stops before the request was executed. */
    private fun abandon(entry: Entry) {
        synchronized(lock) { remove(entry) }
        entry.outcome.cancel()
    }

    private fun removeExpired() {
        val time = now()
        while (true) {
            val oldest = oldestFirst.firstOrNull() ?: return
            if (oldest.expiresAt > time || !oldest.isCompleted) return
            remove(oldest)
        }
    }

    private fun remove(entry: Entry) {
        if (!oldestFirst.remove(entry)) return
        bytes -= entry.size
        val entries = byOwner.getValue(entry.owner)
        entries.remove(entry.ref)
        if (entries.isEmpty()) byOwner.remove(entry.owner)
    }

    /** The result of a request: the [body] of its reply, or a [failure]. */
    class Outcome(val body: Body?, val failure: LiveException? = null) {
        /** @throws LiveException if the request failed; a new instance for each caller */
        fun bodyOrThrow(): Body? {
            if (failure != null) throw LiveException(failure.code, failure.reason, failure.retryAfter)
            return body
        }
    }

    /** One key. Mutable fields are guarded by the lock. */
    private class Entry(val owner: String, val ref: String, val fingerprint: ByteArray, val expiresAt: Long) {
        /** The result that new requests with this key await; completed when the request has been executed. */
        var outcome = CompletableDeferred<Outcome>()
        var size = 0
        var isCompleted = false

        /** Whether the owner has ended, so that the entry is removed on completion. */
        var isOwnerGone = false
    }

    companion object {
        private const val KEY_REUSED = "this key was used with another payload. Use a new key for each request."
        private val NOT_STORED =
            Outcome(
                body = null,
                LiveException(ErrorCode.TooLarge, "the request was executed, but its reply was too large to store"),
            )

        /** The owner of the keys of [session]: its user, or the session itself if it has no user. */
        fun ownerOf(session: Session<*>): String = session.user?.let { "user $it" } ?: "session ${session.id}"

        /** Whether the keys of [session] are owned by the session, and become unusable when it ends. */
        fun belongToSession(session: Session<*>): Boolean = session.user == null

        private fun fingerprint(request: Message): ByteArray {
            val digest = MessageDigest.getInstance("SHA-256")
            digest.update(request.topic.toByteArray())
            digest.update(0) // separator: a topic name cannot contain this byte
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
