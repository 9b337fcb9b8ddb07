package dev.live.client.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.live.client.TinyServer;
import dev.live.client.connection.DisconnectCause;
import dev.live.client.java.flow.Publishers;
import dev.live.protocol.Body;
import dev.live.protocol.LiveException;
import dev.live.protocol.Message;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An application executor that rejects tasks. Every callback on it must end with a report. */
class JavaExecutorTest {
    private static final int THREADS = 8;

    private final BlockingQueue<Object> events = new LinkedBlockingQueue<>();
    private final BlockingQueue<Throwable> uncaught = new LinkedBlockingQueue<>();
    private final AtomicBoolean isFull = new AtomicBoolean();
    private TinyServer server;
    private ThreadPoolExecutor executor;
    private JavaLiveClient live;
    private Thread.UncaughtExceptionHandler before;

    @BeforeEach
    void start() {
        before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> uncaught.add(failure));
        server = new TinyServer();
        executor = new ThreadPoolExecutor(2, 2, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>()) {
            @Override
            public void execute(Runnable task) {
                if (isFull.get()) throw new RejectedExecutionException("the queue is full");
                super.execute(task);
            }
        };
        live = JavaLiveClient.builder(server.getUrl())
                .executor(executor)
                .reconnect(Duration.ofMillis(10), Duration.ofMillis(50))
                .linger(Duration.ZERO)
                .build();
    }

    @AfterEach
    void stop() {
        isFull.set(false);
        live.close();
        server.close();
        executor.shutdownNow();
        Thread.setDefaultUncaughtExceptionHandler(before);
        Uncaught.clear();
    }

    /** Rejects tasks from now on. Waits for the end of accepted tasks, because they may process later items. */
    private void rejectTasks() throws Exception {
        isFull.set(true);
        await(() -> executor.getActiveCount() == 0 && executor.getQueue().isEmpty());
    }

    @Test
    void aListenerWithARejectingExecutorFailsAndUnsubscribes() throws Exception {
        live.topic("room").onMessage(events::add, events::add);
        await(() -> server.subscribers("room") == 1);

        rejectTasks();
        server.sendAll(new Message("message", "room", "", Body.json("1"), null, ""));

        assertInstanceOf(RejectedExecutionException.class, next(events));
        await(() -> server.subscribers("room") == 0);
        assertEquals(ConnectionStatus.Phase.CONNECTED, live.getStatus().getPhase());
    }

    @Test
    void aListenerThatThrowsWithARejectionOfAnotherExecutorAsCauseGetsItsOwnException() throws Exception {
        IllegalStateException own = new IllegalStateException("not saved", new RejectedExecutionException("another"));
        live.topic("room")
                .onMessage(
                        text -> {
                            throw own;
                        },
                        events::add);
        await(() -> server.subscribers("room") == 1);

        server.sendAll(new Message("message", "room", "", Body.json("1"), null, ""));

        assertSame(own, next(events));
    }

    @Test
    void aListenerThatStartsWhileItsExecutorRejectsFails() throws Exception {
        rejectTasks();

        live.topic("room").onUpdate(events::add, events::add);

        assertInstanceOf(RejectedExecutionException.class, next(events));
    }

    @Test
    void aListenerWithoutOnFailureIsReportedAsUncaught() throws Exception {
        await(() -> live.getStatus().getPhase() == ConnectionStatus.Phase.CONNECTED);
        rejectTasks();

        live.onStatus(events::add);
        assertInstanceOf(RejectedExecutionException.class, next(uncaught));
        live.onMessage(events::add);
        assertInstanceOf(RejectedExecutionException.class, next(uncaught));
        live.topic("room").onUpdate(events::add);
        assertInstanceOf(RejectedExecutionException.class, next(uncaught));
    }

    @Test
    void aListenerThatIsClosedWhileItsExecutorRejectsIsNotNotified() throws Exception {
        Subscription room = live.topic("room").onMessage(events::add, events::add);
        await(() -> server.subscribers("room") == 1);
        rejectTasks();

        room.close();

        await(() -> server.subscribers("room") == 0);
        assertTrue(events.isEmpty() && uncaught.isEmpty());
    }

    @Test
    void aPublisherWhoseExecutorRejectsEndsWithAnError() throws Exception {
        Publishers.messages(live.topic("room")).subscribe(new Flow.Subscriber<>() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                subscription.request(Long.MAX_VALUE);
            }

            @Override
            public void onNext(String text) {
                events.add(text);
            }

            @Override
            public void onError(Throwable failure) {
                events.add(failure);
            }

            @Override
            public void onComplete() {
                events.add("complete");
            }
        });
        await(() -> server.subscribers("room") == 1);

        rejectTasks();
        server.sendAll(new Message("message", "room", "", Body.json("1"), null, ""));

        assertInstanceOf(RejectedExecutionException.class, next(events));
    }

    @Test
    void futuresCompleteWithTheReply() throws Exception {
        await(() -> server.connections() == 1);
        rejectTasks();

        assertEquals("7", live.request("count", "{}").get(60, TimeUnit.SECONDS));
        live.topic("room").publish("1").get(60, TimeUnit.SECONDS);
    }

    @Test
    void aFailedPublishIsReported() throws Exception {
        JavaLiveClient disconnected = JavaLiveClient.builder("ws://127.0.0.1:1/live")
                .executor(executor)
                .requestTimeout(Duration.ofMillis(50))
                .build();
        rejectTasks();

        assertTrue(disconnected.topic("room").tryPublish("1", events::add));

        assertInstanceOf(LiveException.class, next(events));
        disconnected.close();
    }

    @Test
    void anUnsentPublishIsReportedWhenTheClientIsClosed() throws Exception {
        JavaLiveClient disconnected = JavaLiveClient.builder("ws://127.0.0.1:1/live")
                .executor(executor)
                .build();
        assertTrue(disconnected.topic("room").tryPublish("1", events::add));

        disconnected.close();

        assertInstanceOf(LiveException.class, next(events));
    }

    @Test
    void aRequestOfTheServerGetsInternalAndIsReported() throws Exception {
        Subscription handler = live.onRequest("ask", text -> text);
        await(() -> server.connections() == 1);
        rejectTasks();

        server.sendAll(new Message("ask", "", "$1", Body.json("7"), null, ""));

        Message reply = server.replies().poll(60, TimeUnit.SECONDS);
        assertEquals("error", reply.getType());
        assertInstanceOf(RejectedExecutionException.class, next(uncaught));
        handler.close();
    }

    @Test
    void aRejectedTokenCallIsTheCauseOfTheWaitingState() throws Exception {
        rejectTasks();
        try (JavaLiveClient withToken = JavaLiveClient.builder(server.getUrl())
                .executor(executor)
                .bearer(() -> "t")
                .reconnect(Duration.ofMillis(10), Duration.ofMillis(50))
                .build()) {
            await(() -> withToken.getStatus().getCause() != null);
            DisconnectCause.NoToken cause = assertInstanceOf(
                    DisconnectCause.NoToken.class, withToken.getStatus().getCause());
            assertInstanceOf(RejectedExecutionException.class, cause.getError());

            isFull.set(false);
            await(() -> withToken.getStatus().getPhase() == ConnectionStatus.Phase.CONNECTED);
        }
    }

    @Test
    void anExecutorWithoutAQueueAndWithBusyThreadsFailsTheListener() throws Exception {
        // no queue: such a pool of java.util.concurrent rejects a task while all of its threads are busy.
        // Several threads: the next step of a listener can arrive before the thread of its last step waits again.
        ThreadPoolExecutor small =
                new ThreadPoolExecutor(THREADS, THREADS, 1, TimeUnit.SECONDS, new SynchronousQueue<>());
        CompletableFuture<Void> gate = new CompletableFuture<>();
        try (JavaLiveClient other =
                JavaLiveClient.builder(server.getUrl()).executor(small).build()) {
            other.topic("room").onMessage(events::add, events::add);
            await(() -> server.subscribers("room") == 1);
            for (int busy = 0; busy < THREADS; ) {
                try {
                    small.execute(gate::join);
                    busy++;
                } catch (RejectedExecutionException e) {
                    TimeUnit.MILLISECONDS.sleep(1); // the listener has not finished yet
                }
            }

            server.sendAll(new Message("message", "room", "", Body.json("1"), null, ""));

            assertInstanceOf(RejectedExecutionException.class, next(events));
        } finally {
            gate.complete(null);
            small.shutdownNow();
        }
    }

    private static <T> T next(BlockingQueue<T> queue) throws InterruptedException {
        T event = queue.poll(60, TimeUnit.SECONDS);
        if (event == null) throw new AssertionError("nothing received within a minute");
        return event;
    }

    private static void await(java.util.function.BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) throw new AssertionError("condition not met within a minute");
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }
}
