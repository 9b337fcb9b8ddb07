package dev.live.client.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.live.client.TinyServer;
import dev.live.client.connection.AppLifecycle;
import dev.live.client.connection.DisconnectCause;
import dev.live.client.connection.NetworkMonitor;
import dev.live.client.topic.ClientClosedException;
import dev.live.client.topic.TopicUpdate;
import dev.live.protocol.Body;
import dev.live.protocol.CloseCode;
import dev.live.protocol.ErrorCode;
import dev.live.protocol.JsonCodec;
import dev.live.protocol.LiveException;
import dev.live.protocol.Message;
import io.ktor.client.HttpClient;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import kotlinx.coroutines.flow.FlowKt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The behavior of the Java facade, with a server on a real socket. */
class JavaLiveClientTest {
    private final BlockingQueue<Object> events = new LinkedBlockingQueue<>();
    private TinyServer server;
    private ExecutorService executor;

    @BeforeEach
    void start() {
        server = new TinyServer();
        executor = Executors.newFixedThreadPool(2, task -> new Thread(task, "callbacks"));
    }

    @AfterEach
    void stop() {
        executor.shutdownNow();
        server.close();
    }

    @Test
    void textIsPublishedAndReceived() throws Exception {
        try (JavaLiveClient live = builder().build();
                Subscription chat = live.topic("room/42").onMessage(events::add)) {
            awaitSubscribers("room/42", 1);
            live.topic("room/42").publish("{\"text\":\"hello\"}").get(2, TimeUnit.MINUTES);

            assertEquals("{\"text\":\"hello\"}", next());
            assertEquals("room/42", live.topic("room/42").getName());
            chat.close();
            awaitSubscribers("room/42", 0);
        }
    }

    @Test
    void aMapperConvertsClasses() throws Exception {
        try (JavaLiveClient live = builder().mapper(new WordMapper()).build();
                Subscription chat = live.topic("room/42", Word.class).onMessage(events::add, events::add)) {
            awaitSubscribers("room/42", 1);
            live.topic("room/42", Word.class)
                    .publish(new Word("hello"), Duration.ofSeconds(10))
                    .get(2, TimeUnit.MINUTES);

            assertEquals("hello", ((Word) next()).text);
            assertEquals("hi", live.request("echo", new Word("hi"), Word.class).get(2, TimeUnit.MINUTES).text);
            Word slowly = live.request("echo", new Word("ho"), Word.class, Duration.ofSeconds(10))
                    .get();
            assertEquals("ho", slowly.text);
        }
    }

    @Test
    void withoutAMapperClassesAreRejected() {
        try (JavaLiveClient live = builder().build()) {
            IllegalStateException error = assertThrows(
                    IllegalStateException.class,
                    () -> live.topic("a", Word.class).publish(new Word("x")));
            assertTrue(error.getMessage().startsWith("there is no mapper for " + Word.class.getName()));
        }
    }

    @Test
    void requestsReturnFutures() throws Exception {
        try (JavaLiveClient live = builder().build()) {
            assertEquals("7", live.request("count", "{}").get(2, TimeUnit.MINUTES));
            assertEquals(
                    "7", live.request("count", "{}", Duration.ofSeconds(10)).get(2, TimeUnit.MINUTES));

            ExecutionException error = assertThrows(
                    ExecutionException.class,
                    () -> live.request("nonsense", "{}").get(2, TimeUnit.MINUTES));
            LiveException cause = assertInstanceOf(LiveException.class, error.getCause());
            assertEquals(ErrorCode.UnknownType, cause.getCode());
        }
    }

    @Test
    void requestsWithAKeySendItAsTheRef() throws Exception {
        try (JavaLiveClient live = builder().mapper(new WordMapper()).build()) {
            assertEquals("7", live.requestWithKey("echo", "a", "7").get(2, TimeUnit.MINUTES));
            assertEquals(
                    "7",
                    live.requestWithKey("echo", "a", "7", Duration.ofSeconds(10))
                            .get(2, TimeUnit.MINUTES));
            Word word =
                    live.requestWithKey("echo", "b", new Word("hi"), Word.class).get(2, TimeUnit.MINUTES);
            assertEquals("hi", word.text);
            Word slowly = live.requestWithKey("echo", "c", new Word("ho"), Word.class, Duration.ofSeconds(10))
                    .get();
            assertEquals("ho", slowly.text);

            assertEquals(List.of("=a", "=a", "=b", "=c"), server.refs());
        }
    }

    @Test
    void requestsOfTheServerAreHandledOnTheExecutor() throws Exception {
        try (JavaLiveClient live = builder().mapper(new WordMapper()).build();
                Subscription text = live.onRequest("text", json -> {
                    events.add(Thread.currentThread().getName());
                    return json;
                });
                Subscription word = live.onRequest("word", Word.class, request -> new Word(request.text + "!"));
                Subscription none = live.onRequest("none", json -> {
                    throw JavaLiveClient.refusal(ErrorCode.Forbidden, "not you");
                })) {
            await(() -> server.connections() == 1);
            Body list = Body.json("[1]");
            server.sendAll(new Message("text", "", "$1", list, null, ""));
            assertEquals("Message(type=reply, ref=$1, body=JSON of 3 characters)", nextReply());
            assertTrue(((String) next()).startsWith("callbacks"));

            Body hi = Body.json("\"hi\"");
            server.sendAll(new Message("word", "", "$2", hi, null, ""));
            assertEquals("Message(type=reply, ref=$2, body=JSON of 5 characters)", nextReply());
            server.sendAll(new Message("none", "", "$3", hi, null, ""));
            assertTrue(nextReply().startsWith("Message(type=error, ref=$3"));

            word.close();
            server.sendAll(new Message("word", "", "$4", hi, null, ""));
            assertTrue(nextReply().startsWith("Message(type=error, ref=$4"));
        }
    }

    @Test
    void aRejectedSubscriptionIsReported() throws Exception {
        try (JavaLiveClient live = builder().build();
                Subscription secret = live.topic("secret").onMessage(events::add, events::add)) {
            assertEquals("forbidden: not for you", ((LiveException) next()).getMessage());
        }
    }

    @Test
    void aCallbackThatThrowsEndsItsSubscription() throws Exception {
        try (JavaLiveClient live = builder().build();
                Subscription chat = live.topic("room/42")
                        .onMessage(
                                text -> {
                                    throw new IllegalStateException("no: " + text);
                                },
                                events::add)) {
            awaitSubscribers("room/42", 1);
            live.topic("room/42").publish("1").get(2, TimeUnit.MINUTES);

            assertEquals("no: 1", ((IllegalStateException) next()).getMessage());
            awaitSubscribers("room/42", 0);
        }
    }

    @Test
    void callbacksRunOnTheExecutor() throws Exception {
        try (JavaLiveClient live = builder().build();
                Subscription chat = live.topic("room/42")
                        .onMessage(text -> events.add(Thread.currentThread().getName()))) {
            awaitSubscribers("room/42", 1);
            live.topic("room/42").publish("1").get(2, TimeUnit.MINUTES);

            assertTrue(((String) next()).startsWith("callbacks"));
        }
    }

    @Test
    void rawMessagesAreSentAndReceived() throws Exception {
        try (JavaLiveClient live = builder().build();
                Subscription all = live.onMessage(events::add)) {
            Message first = new Message("shout", "", "a", null, null, "");
            // an echo before the callback is registered is dropped, so send until one is received
            Object received = null;
            while (received == null) {
                live.send(first).get(2, TimeUnit.MINUTES);
                received = events.poll(100, TimeUnit.MILLISECONDS);
            }
            assertEquals(first, received);
            assertNull(live.send(first, Duration.ofSeconds(10)).get(2, TimeUnit.MINUTES));
        }
    }

    @Test
    void theStatusIsReported() throws Exception {
        JavaLiveClient live = builder().build();
        Subscription statuses = live.onStatus(status -> events.add(status));
        ConnectionStatus status = (ConnectionStatus) next();
        while (status.getPhase() != ConnectionStatus.Phase.CONNECTED) status = (ConnectionStatus) next();
        assertNull(status.getCause());

        await(() -> server.connections() == 1); // the client is connected before the server's handler runs
        server.closeAll(CloseCode.Kicked);
        while (status.getPhase() != ConnectionStatus.Phase.CLOSED) status = (ConnectionStatus) next();

        assertInstanceOf(DisconnectCause.ClosedByServer.class, status.getCause());
        assertEquals(0, status.getAttempt());
        assertEquals(Duration.ZERO, status.getDelay());
        assertEquals(ConnectionStatus.Phase.CLOSED, live.getStatus().getPhase());
        statuses.close();
        live.close();
    }

    @Test
    void closeFailsLaterCallsAndLeavesNoConnection() throws Exception {
        JavaLiveClient live = builder().build();
        live.request("count", "{}").get(2, TimeUnit.MINUTES);

        live.close();
        live.close();

        JavaTopic<String> room = live.topic("room/42");
        assertClosed(room.publish("1"));
        assertClosed(room.publishOnce("m1", "1"));
        assertClosed(live.request("count", "{}"));
        assertClosed(live.send(new Message("shout", "", "a", null, null, "")));
        await(() -> server.connections() == 0);
    }

    @Test
    void closeFailsCallsThatWaitForAConnection() throws Exception {
        JavaLiveClient live = JavaLiveClient.builder("ws://127.0.0.1:1/live")
                .executor(executor)
                .build();
        CompletableFuture<String> waiting = live.request("count", "{}");

        live.close();

        assertClosed(waiting);
    }

    @Test
    void cancellingTheFutureOfAPublishCancelsIt() throws Exception {
        try (JavaLiveClient live = JavaLiveClient.builder("ws://127.0.0.1:1/live")
                .executor(executor)
                .build()) {
            JavaTopic<String> room = live.topic("room/42");
            CompletableFuture<Void> waiting = room.publishOnce("order 7", "1", Duration.ofMinutes(1));
            assertEquals(
                    IllegalStateException.class,
                    failureOf(room.publishOnce("order 7", "1")).getClass());

            waiting.cancel(true);

            await(() -> failureOf(room.publishOnce("order 7", "1", Duration.ofMillis(50))) instanceof LiveException);
        }
    }

    private static Throwable failureOf(CompletableFuture<?> future) {
        return future.handle((value, failure) -> failure instanceof CompletionException ? failure.getCause() : failure)
                .join();
    }

    @Test
    void closeOnAnInterruptedThreadKeepsTheInterruptFlag() throws Exception {
        JavaLiveClient live = builder().build();
        live.request("count", "{}").get(2, TimeUnit.MINUTES);

        Thread.currentThread().interrupt();
        live.close();

        assertTrue(Thread.interrupted());
        assertClosed(live.request("count", "{}"));
        await(() -> server.connections() == 0);
    }

    @Test
    void closeEndsAPresenceListenerWithoutANotification() throws Exception {
        ExecutorService watched = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "callbacks");
            thread.setUncaughtExceptionHandler((where, failure) -> events.add(failure));
            return thread;
        });
        JavaLiveClient live = builder().executor(watched).build();
        live.topic("room/42").onPresence(String.class, people -> {});
        awaitSubscribers("room/42", 1);

        live.close();

        watched.shutdown();
        assertTrue(watched.awaitTermination(10, TimeUnit.SECONDS));
        assertEquals(List.of(), List.copyOf(events));
    }

    @Test
    void everySettingIsAccepted() throws Exception {
        try (JavaLiveClient live = builder()
                .bearer(() -> "token")
                .header("X-Tenant", "a")
                .codecs(JsonCodec.INSTANCE)
                .reconnect(Duration.ofMillis(10), Duration.ofMillis(50))
                .reconnect(Duration.ofMillis(10), Duration.ofMillis(50), 3)
                .heartbeat(Duration.ofSeconds(5), Duration.ofSeconds(10))
                .connectTimeout(Duration.ofSeconds(5))
                .requestTimeout(Duration.ofSeconds(5))
                .maxMessageSize(65536)
                .build()) {
            assertEquals("7", live.request("count", "{}").get(2, TimeUnit.MINUTES));
            assertEquals(List.of("Bearer token"), server.tokens());
        }
        assertThrows(
                IllegalArgumentException.class,
                () -> JavaLiveClient.builder("http://example.com").build());
    }

    @Test
    void anExpiringTokenIsRenewedAutomatically() throws Exception {
        AtomicInteger issued = new AtomicInteger();
        try (JavaLiveClient live =
                builder().bearer(() -> "token-" + issued.incrementAndGet()).build()) {
            live.request("count", "{}").get(2, TimeUnit.MINUTES);

            server.expireAll(60_000);

            await(() -> server.tokens().size() == 2);
            assertEquals(List.of("Bearer token-1", "token-2"), server.tokens());
            assertEquals(1, server.connections());
        }
    }

    @Test
    void theHttpClientOfTheApplicationIsUsed() throws Exception {
        try (HttpClient http = io.ktor.client.HttpClientJvmKt.HttpClient(config -> kotlin.Unit.INSTANCE)) {
            try (JavaLiveClient live = builder().httpClient(http).build()) {
                assertEquals("7", live.request("count", "{}").get(2, TimeUnit.MINUTES));
            }
        }
    }

    @Test
    void updatesAndTryPublishWork() throws Exception {
        try (JavaLiveClient live =
                        builder().outbox(8, 10_000).linger(Duration.ZERO).build();
                Subscription joined = live.topic("room/42").onUpdate(events::add)) {
            assertInstanceOf(TopicUpdate.Subscribed.class, next());
            joined.close();
            awaitSubscribers("room/42", 0);
            Subscription chat = live.topic("room/42").onMessage(events::add);
            awaitSubscribers("room/42", 1);

            assertTrue(live.topic("room/42").tryPublish("1"));
            assertEquals("1", next());
            assertTrue(live.topic("room/42").tryPublish("2", events::add));
            assertEquals("2", next());
            live.topic("room/42").publishOnce("m3", "3").get(2, TimeUnit.MINUTES);
            assertEquals("3", next());
            live.topic("room/42").publishOnce("m4", "4", Duration.ofSeconds(10)).get(2, TimeUnit.MINUTES);
            assertEquals("4", next());
            chat.close();
        }
    }

    @Test
    void aFailedPublishIsReportedOnTheExecutor() throws Exception {
        JavaLiveClient live = builder().requestTimeout(Duration.ofMillis(200)).build();
        live.request("count", "{}", Duration.ofMinutes(2)).get(2, TimeUnit.MINUTES); // connects
        server.close();

        assertTrue(live.topic("room/42")
                .tryPublish("1", failure -> events.add(Thread.currentThread().getName())));

        assertTrue(next().toString().startsWith("callbacks"));
        live.close();
    }

    @Test
    void aSilentNetworkMonitorAndLifecycleChangeNothing() throws Exception {
        NetworkMonitor silent = FlowKt::emptyFlow;
        AppLifecycle absent = FlowKt::emptyFlow;
        try (JavaLiveClient live =
                        builder().networkMonitor(silent).lifecycle(absent).build();
                JavaLiveClient other =
                        builder().lifecycle(absent, Duration.ofSeconds(1)).build()) {
            live.probe();
            assertEquals("7", live.request("count", "{}").get(2, TimeUnit.MINUTES));
            assertEquals("7", other.request("count", "{}").get(2, TimeUnit.MINUTES));
            assertNull(live.getStatus().getPause());
        }
    }

    private JavaLiveClientBuilder builder() {
        return JavaLiveClient.builder(server.getUrl()).executor(executor);
    }

    private Object next() throws InterruptedException {
        Object event = events.poll(2, TimeUnit.MINUTES);
        if (event == null) throw new AssertionError("nothing received within 2 min");
        return event;
    }

    private String nextReply() throws InterruptedException {
        Message reply = server.replies().poll(2, TimeUnit.MINUTES);
        if (reply == null) throw new AssertionError("no reply received within 2 min");
        return reply.toString();
    }

    private static void assertClosed(CompletableFuture<?> call) {
        ExecutionException failed = assertThrows(ExecutionException.class, () -> call.get(2, TimeUnit.MINUTES));
        assertInstanceOf(ClientClosedException.class, failed.getCause());
    }

    private void awaitSubscribers(String topic, int count) throws InterruptedException {
        await(() -> server.subscribers(topic) == count);
    }

    private static void await(java.util.function.BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) throw new AssertionError("condition not met within 2 min");
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    static final class Word {
        final String text;

        Word(String text) {
            this.text = text;
        }
    }

    private static final class WordMapper implements JsonMapper {
        @Override
        public String toJson(Object value) {
            return '"' + ((Word) value).text + '"';
        }

        @Override
        public <T> T fromJson(String json, Class<T> type) {
            return type.cast(new Word(json.substring(1, json.length() - 1)));
        }
    }
}
