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
 * Thread-safe. It goes on by polling alone where the client is closed first. What the store throws is shown and tried
 * again as what the pull throws, and so is an executor that rejects either. What the listener throws goes to the uncaught
 * exception handler of its thread, and the listener is told nothing more; the same goes for an executor that rejects the
 * listener. On Android it needs API 26.
 */
public class JavaSyncLoop private constructor(builder: Builder) : AutoCloseable {
    // its own, ended by close(); not on the executor, which may take no task for a while: the loop goes on then
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default + CoroutineName("live-sync-java"))
    private val loop = builder.loop()

    init {
        builder.listener?.let { tell(it, builder.executor.asCoroutineDispatcher()) }
        scope.launch { loop.run() }
    }

    // atomic: it has to tell too that the executor did not take its first step
    @OptIn(DelicateCoroutinesApi::class)
    private fun tell(listener: Consumer<in JavaSyncState>, executor: CoroutineDispatcher) {
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

    /** How the loop stands now. */
    public val state: JavaSyncState get() = JavaSyncState.of(loop.state.value)

    /** Has a pull run now, or once more after the one that runs: for a button that says "refresh". Does not block. */
    public fun pullNow(): Unit = loop.pullNow()

    /** Ends the loop and cancels a pull that runs. Does not block; closing twice is harmless. */
    override fun close(): Unit = scope.cancel()

    /** What a loop is made with. Not thread-safe. */
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

        /** How long after a pull the next one comes though nothing was heard, give or take a fifth. Default 60 s. */
        public fun poll(poll: Duration): Builder =
            apply {
                require(!poll.isZero && !poll.isNegative) { "poll must be positive, was $poll" }
                this.poll = poll
            }

        /** Where the store, the pull and the listener are called. Default `ForkJoinPool.commonPool()`. */
        public fun executor(executor: Executor): Builder = apply { this.executor = executor }

        /** Called with the state now, and with every change that it can keep up with; the newest is never missed. */
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

        /** A loop that is closed while the application begins its pull never gets the future: it is cancelled here. */
        private suspend fun pullOn(dispatcher: CoroutineDispatcher, since: ULong): ULong {
            var begun: CompletableFuture<Long>? = null
            try {
                return runOn(dispatcher) { pull.pull(since.toLong()).also { begun = it } }.await().toULong()
            } catch (e: CancellationException) {
                begun?.cancel(false)
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
         * A loop that is still to be started.
         *
         * @throws IllegalArgumentException if [scope] is empty, over 251 bytes of UTF-8, or has control characters
         */
        @JvmStatic
        public fun builder(live: JavaLiveClient, scope: String, store: JavaCursorStore, pull: JavaPull): Builder =
            Builder(live, scope, store, pull).also { it.loop() } // checks the scope here rather than at the start
    }
}
