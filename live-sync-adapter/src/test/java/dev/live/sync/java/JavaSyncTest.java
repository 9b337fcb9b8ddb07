package dev.live.sync.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.live.client.java.JavaLiveClient;
import dev.live.client.java.Subscription;
import dev.live.protocol.ErrorCode;
import dev.live.protocol.LiveException;
import dev.live.sync.java.JavaSyncState.Phase;
import dev.live.sync.support.SyncServer;
import dev.live.sync.support.Uncaught;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls every public method of the facade as a Java program would, against a real server on a real socket. */
class JavaSyncTest {
    private final BlockingQueue<JavaSyncState> states = new LinkedBlockingQueue<>();
    private final Store store = new Store();
    private SyncServer server;
    private JavaLiveClient live;
    private ExecutorService executor;

    @BeforeEach
    void start() {
        server = new SyncServer();
        live = JavaLiveClient.builder(server.getUrl()).build();
        executor = Executors.newFixedThreadPool(2, task -> new Thread(task, "callbacks"));
    }

    @AfterEach
    void stop() throws Exception {
        live.close();
        server.close();
        executor.shutdownNow();
    }

    @Test
    void aLoopPullsAfterASignalAndReportsItsState() throws Exception {
        server.commit("list/42", 3);
        try (JavaSyncLoop loop = JavaSyncLoop.builder(
                        live, "list/42", store, since -> CompletableFuture.completedFuture(3L))
                .poll(Duration.ofMinutes(5))
                .executor(executor)
                .onState(states::add)
                .start()) {
            JavaSyncState state = await(Phase.IN_SYNC);

            assertEquals(3, state.getCursor());
            assertTrue(state.getTarget().isEmpty());
            assertEquals(Duration.ZERO, state.getDelay());
            assertNull(state.getCause());
            assertEquals("IN_SYNC at 3", state.toString());
            assertEquals(3, loop.getState().getCursor());
            assertEquals(3, store.cursor.get());
            assertTrue(store.thread.startsWith("callbacks"), store.thread);
        }
    }

    @Test
    void aFailedPullIsReportedAndRetried() throws Exception {
        server.commit("list/42", 1);
        BlockingQueue<Long> pulls = new LinkedBlockingQueue<>();
        AtomicBoolean hasSeen = new AtomicBoolean(); // a slow listener may miss an intermediate state
        JavaPull pull = since -> {
            pulls.add(since);
            return hasSeen.get()
                    ? CompletableFuture.completedFuture(1L)
                    : CompletableFuture.failedFuture(new IllegalStateException("no"));
        };
        try (JavaSyncLoop loop = JavaSyncLoop.builder(live, "list/42", store, pull)
                .onState(states::add)
                .start()) {
            JavaSyncState failed = await(Phase.FAILED);
            hasSeen.set(true);

            assertEquals("no", failed.getCause().getMessage());
            assertTrue(failed.getDelay().toMillis() <= 30_000, failed.toString());
            assertEquals(1, await(Phase.IN_SYNC).getCursor());
            pulls.clear();
            loop.pullNow();
            assertEquals(1L, pulls.poll(2, TimeUnit.MINUTES));
        }
    }

    @Test
    void aStoreFailureIsReportedAndRetried() throws Exception {
        server.commit("list/42", 1);
        store.isBroken = true;
        try (JavaSyncLoop loop = JavaSyncLoop.builder(
                        live, "list/42", store, since -> CompletableFuture.completedFuture(1L))
                .onState(states::add)
                .start()) {
            JavaSyncState failed = await(Phase.FAILED);
            store.isBroken = false;

            assertEquals("no disk", failed.getCause().getMessage());
            assertEquals(1, await(Phase.IN_SYNC).getCursor());
        }
    }

    @Test
    void aRejectingExecutorIsReportedAndTheLoopContinuesWhenItAcceptsTasks() throws Exception {
        server.commit("list/42", 1);
        AtomicBoolean isFull = new AtomicBoolean(true);
        Executor rejecting = task -> {
            if (isFull.get()) throw new RejectedExecutionException("the queue is full");
            executor.execute(task);
        };
        try (JavaSyncLoop loop = JavaSyncLoop.builder(
                        live, "list/42", store, since -> CompletableFuture.completedFuture(1L))
                .executor(rejecting)
                .start()) {
            await(() -> loop.getState().getCause() instanceof RejectedExecutionException);

            isFull.set(false);

            await(() -> loop.getState().getPhase() == Phase.IN_SYNC
                    && loop.getState().getCursor() == 1);
        }
    }

    @Test
    void aListenerRejectedByItsExecutorIsReportedAsUncaught() throws Exception {
        BlockingQueue<Throwable> uncaught = new LinkedBlockingQueue<>();
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> uncaught.add(failure));
        Executor full = task -> {
            throw new RejectedExecutionException("the queue is full");
        };
        try {
            try (JavaSyncLoop loop = JavaSyncLoop.builder(
                            live, "list/42", store, since -> CompletableFuture.completedFuture(1L))
                    .executor(full)
                    .onState(states::add)
                    .start()) {
                assertEquals(
                        RejectedExecutionException.class,
                        uncaught.poll(60, TimeUnit.SECONDS).getClass());
            }
            try (Subscription signals = JavaSyncSignals.onSignal(live, "list/42", cursor -> {}, e -> {}, full)) {
                assertEquals(
                        RejectedExecutionException.class,
                        uncaught.poll(60, TimeUnit.SECONDS).getClass());
            }
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
            Uncaught.forget();
        }
    }

    @Test
    void closingALoopCancelsItsPull() throws Exception {
        server.commit("list/42", 1);
        CompletableFuture<Long> never = new CompletableFuture<>();
        BlockingQueue<Long> pulls = new LinkedBlockingQueue<>();
        JavaSyncLoop loop = JavaSyncLoop.builder(live, "list/42", store, since -> {
                    pulls.add(since);
                    return never;
                })
                .start();
        assertEquals(0L, pulls.poll(2, TimeUnit.MINUTES));

        loop.close();
        loop.close();

        assertThrows(java.util.concurrent.CancellationException.class, () -> never.get(2, TimeUnit.MINUTES));
    }

    @Test
    void aPullThatStartsWhileItsLoopIsClosedIsCancelled() throws Exception {
        server.commit("list/42", 1);
        CompletableFuture<Long> never = new CompletableFuture<>();
        CompletableFuture<JavaSyncLoop> started = new CompletableFuture<>();
        started.complete(JavaSyncLoop.builder(live, "list/42", store, since -> {
                    started.join().close();
                    return never;
                })
                .start());

        assertThrows(java.util.concurrent.CancellationException.class, () -> never.get(2, TimeUnit.MINUTES));
    }

    @Test
    void aListenerReceivesSignals() throws Exception {
        server.commit("list/42", -1); // the largest unsigned cursor
        BlockingQueue<Long> received = new LinkedBlockingQueue<>();
        try (Subscription signals = JavaSyncSignals.onSignal(live, "list/42", received::add, e -> {}, executor)) {
            assertEquals(-1L, received.poll(2, TimeUnit.MINUTES));
        }
        server.commit("list/7", 7);
        try (Subscription signals = JavaSyncSignals.onSignal(live, "list/7", received::add, e -> {})) {
            assertEquals(7L, received.poll(2, TimeUnit.MINUTES));
        }
    }

    @Test
    void aJavaEngineNotifiesWithoutADependencyOnLive() throws Exception {
        JavaSyncNotifier notifier = server.getNotifier()::notify;
        BlockingQueue<Long> received = new LinkedBlockingQueue<>();
        notifier.notify("list/42", 3);
        try (Subscription signals = JavaSyncSignals.onSignal(live, "list/42", received::add, e -> {})) {
            assertEquals(3L, received.poll(2, TimeUnit.MINUTES));
        }
    }

    @Test
    void aRejectedScopeIsReported() throws Exception {
        BlockingQueue<LiveException> errors = new LinkedBlockingQueue<>();
        try (Subscription signals = JavaSyncSignals.onSignal(live, "secret", cursor -> {}, errors::add)) {
            assertEquals(ErrorCode.Forbidden, errors.poll(2, TimeUnit.MINUTES).getCode());
        }
    }

    @Test
    void invalidArgumentsAreRejectedImmediately() {
        assertEquals(
                "a scope must not be empty",
                assertThrows(IllegalArgumentException.class, () -> JavaSyncLoop.builder(live, "", store, since -> null))
                        .getMessage());
        assertEquals(
                "poll must be positive, was PT0S",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> JavaSyncLoop.builder(live, "s", store, since -> null)
                                        .poll(Duration.ZERO))
                        .getMessage());
        assertThrows(IllegalArgumentException.class, () -> JavaSyncSignals.onSignal(live, "", cursor -> {}, e -> {}));
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) throw new AssertionError("condition not met within one minute");
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    private JavaSyncState await(Phase phase) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
        StringBuilder seen = new StringBuilder();
        while (System.nanoTime() < end) {
            JavaSyncState state = states.poll(2, TimeUnit.MINUTES);
            if (state == null) break;
            if (state.getPhase() == phase) return state;
            seen.append(state).append("; ");
        }
        throw new AssertionError("no " + phase + ", but " + seen);
    }

    private static final class Store implements JavaCursorStore {
        final AtomicLong cursor = new AtomicLong();
        volatile String thread;
        volatile boolean isBroken;

        @Override
        public long read() {
            if (isBroken) throw new IllegalStateException("no disk");
            return cursor.get();
        }

        @Override
        public void write(long cursor) {
            thread = Thread.currentThread().getName();
            this.cursor.set(cursor);
        }
    }
}
