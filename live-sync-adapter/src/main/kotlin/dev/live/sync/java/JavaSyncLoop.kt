package dev.live.sync.java

import dev.live.client.java.JavaLiveClient
import dev.live.sync.client.CursorStore
import dev.live.sync.client.SyncLoop
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancel
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch
import java.time.Duration
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import java.util.concurrent.ForkJoinPool
import java.util.function.Consumer
import kotlin.time.toKotlinDuration

/**
 * [SyncLoop] for Java: keeps one scope up to date until it is closed.
 *
 * ```java
 * try (JavaSyncLoop loop = JavaSyncLoop.builder(live, "list/42", store, since -> notes.pull(since))
 *          .onState(screen::show)
 *          .start()) {
 *     // ...
 * }
 * ```
 *
 * Thread-safe. If the client is closed first, the loop continues by polling only. An exception of the store or the
 * pull, or an executor that rejects either call, counts as a failed pull and is retried. An exception of the listener,
 * or an executor that rejects it, goes to the thread's uncaught exception handler and ends notifications. Requires API
 * 26 on Android.
 */
public class JavaSyncLoop private constructor(builder: Builder) : AutoCloseable {
    // cancelled by close(). Not on the user's executor: the loop must continue while that rejects tasks
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default + CoroutineName("live-sync-java"))
    private val loop = builder.loop()

    init {
        builder.listener?.let { notifyListener(it, builder.executor.asCoroutineDispatcher()) }
        scope.launch { loop.run() }
    }

    // ATOMIC: the block must also run if the executor rejects the first dispatch, to report that
    @OptIn(DelicateCoroutinesApi::class)
    private fun notifyListener(listener: Consumer<in JavaSyncState>, executor: CoroutineDispatcher) {
        scope.launch(executor, CoroutineStart.ATOMIC) {
            try {
                loop.state.collect {
                    ensureActive()
                    listener.accept(JavaSyncState.of(it))
                }
            } catch (e: CancellationException) {
                throw failureIn(e)
            }
        }
    }

    /** The current state. */
    public val state: JavaSyncState get() = JavaSyncState.of(loop.state.value)

    /** Pulls now, or once more after a running pull, such as for a refresh button. Does not block. */
    public fun pullNow(): Unit = loop.pullNow()

    /** Stops the loop and cancels a running pull. Does not block. Idempotent. */
    override fun close(): Unit = scope.cancel()

    /** Configures a loop. Not thread-safe. */
    public class Builder internal constructor(
        private val live: JavaLiveClient,
        private val scope: String,
        private val store: JavaCursorStore,
        private val pull: JavaPull,
    ) {
        @get:JvmSynthetic internal var executor: Executor = ForkJoinPool.commonPool()
            private set

        @get:JvmSynthetic internal var listener: Consumer<in JavaSyncState>? = null
            private set
        private var poll: Duration = Duration.ofSeconds(DEFAULT_POLL_SECONDS)

        /** The time from a pull to the next one without a signal, with a jitter of 20 %. Default 60 s. */
        public fun poll(poll: Duration): Builder =
            apply {
                require(!poll.isZero && !poll.isNegative) { "poll must be positive, was $poll" }
                this.poll = poll
            }

        /** Runs the store, the pull and the listener. Default `ForkJoinPool.commonPool()`. */
        public fun executor(executor: Executor): Builder = apply { this.executor = executor }

        /** Receives the current state and its changes. Conflated: a slow [listener] receives the newest state. */
        public fun onState(listener: Consumer<in JavaSyncState>): Builder = apply { this.listener = listener }

        /** Starts the loop. */
        public fun start(): JavaSyncLoop = JavaSyncLoop(this)

        @JvmSynthetic
        internal fun loop(): SyncLoop {
            val dispatcher = executor.asCoroutineDispatcher()
            return SyncLoop(live.client, scope, JavaStore(store, dispatcher), poll.toKotlinDuration()) { since ->
                pullOn(dispatcher, since)
            }
        }

        /** If the loop is closed while the application starts the pull, await never sees the future: cancel it here. */
        private suspend fun pullOn(dispatcher: CoroutineDispatcher, since: ULong): ULong {
            var started: CompletableFuture<Long>? = null
            try {
                return runOn(dispatcher) { pull.pull(since.toLong()).also { started = it } }.await().toULong()
            } catch (e: CancellationException) {
                started?.cancel(false)
                throw e
            }
        }
    }

    private class JavaStore(
        private val store: JavaCursorStore,
        private val dispatcher: CoroutineDispatcher,
    ) : CursorStore {
        override suspend fun read(): ULong = runOn(dispatcher) { store.read() }.toULong()

        override suspend fun write(cursor: ULong): Unit = runOn(dispatcher) { store.write(cursor.toLong()) }
    }

    public companion object {
        private const val DEFAULT_POLL_SECONDS = 60L

        /**
         * Returns a builder; [Builder.start] starts the loop.
         *
         * @throws IllegalArgumentException if [scope] is empty, over 251 bytes of UTF-8, or contains control characters
         */
        @JvmStatic
        public fun builder(live: JavaLiveClient, scope: String, store: JavaCursorStore, pull: JavaPull): Builder =
            Builder(live, scope, store, pull).also { it.loop() } // validates the scope now rather than in start()
    }
}
