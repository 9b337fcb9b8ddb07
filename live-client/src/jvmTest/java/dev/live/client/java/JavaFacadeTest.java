package dev.live.client.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.live.client.connection.DisconnectCause;
import dev.live.client.java.flow.Publishers;
import dev.live.client.topic.TopicUpdate;
import dev.live.protocol.CborCodec;
import dev.live.protocol.ErrorCode;
import dev.live.protocol.JsonCodec;
import dev.live.protocol.Message;
import io.ktor.client.HttpClient;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import kotlinx.coroutines.flow.FlowKt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Calls every public method of the facade, with a live server on a real socket. FacadeTest checks that no method is
 * missing.
 */
class JavaFacadeTest {
    private static final Duration LONG = Duration.ofSeconds(10);

    private final BlockingQueue<Object> events = new LinkedBlockingQueue<>();
    private final ExecutorService executor = Executors.newFixedThreadPool(2);
    private final FacadeServer server = new FacadeServer();
    private final JsonMapper mapper = new WordMapper();

    @AfterEach
    void stop() {
        server.close();
        executor.shutdownNow();
    }

    @Test
    void everySettingIsAccepted() throws Exception {
        HttpClient http = io.ktor.client.HttpClientJvmKt.HttpClient(config -> kotlin.Unit.INSTANCE);
        JavaLiveClientBuilder builder = JavaLiveClient.builder(server.getUrl())
                .bearer(() -> "ann")
                .trace(() -> null)
                .executor(executor)
                .mapper(mapper)
                .header("X-Tenant", "a")
                .codecs(CborCodec.INSTANCE, JsonCodec.INSTANCE)
                .reconnect(Duration.ofMillis(10), Duration.ofMillis(50))
                .reconnect(Duration.ofMillis(10), Duration.ofMillis(50), 9)
                .heartbeat(Duration.ofSeconds(5), LONG)
                .networkMonitor(FlowKt::emptyFlow)
                .lifecycle(FlowKt::emptyFlow)
                .lifecycle(FlowKt::emptyFlow, LONG)
                .bearerTimeout(LONG)
                .connectTimeout(LONG)
                .requestTimeout(LONG)
                .linger(Duration.ZERO)
                .outbox(8, 10_000)
                .maxMessageSize(65_536)
                .httpClient(http);
        try (http;
                JavaLiveClient live = builder.build()) {
            assertEquals(new Word("hi"), done(live.request("echo", new Word("hi"), Word.class)));
        }
    }

    @Test
    void publishedMessagesAreReceived() throws Exception {
        try (JavaLiveClient live = open()) {
            JavaTopic<Word> room = live.topic("room/1", Word.class);
            assertEquals("room/1", room.getName());
            Subscription updates = room.onUpdate(events::add);
            assertInstanceOf(TopicUpdate.Subscribed.class, next());
            updates.close();
            Subscription words = room.onMessage(events::add);
            Subscription same = room.onMessage(word -> {}, events::add);

            // the topic is already subscribed, so the listener sends no subscribe and may start after a publish
            while (events.isEmpty()) done(room.publish(new Word("1")));
            done(room.publish(new Word("2"), LONG));
            Object received = next();
            while (received.equals(new Word("1"))) received = next();
            assertEquals(new Word("2"), received);
            assertTrue(room.tryPublish(new Word("3")));
            assertEquals(new Word("3"), next());
            assertTrue(room.tryPublish(new Word("4"), events::add));
            assertEquals(new Word("4"), next());
            done(room.publishOnce("five", new Word("5")));
            done(room.publishOnce("five", new Word("5")));
            assertEquals(new Word("5"), next());
            done(room.publishOnce("six", new Word("6"), LONG));
            assertEquals(new Word("6"), next());
            words.close();
            same.close();
        }
    }

    @Test
    void updatesAndPresenceAreReceived() throws Exception {
        try (JavaLiveClient live = open()) {
            JavaTopic<Word> room = live.topic("room/1", Word.class).withParams(new Word("abroad"));

            Subscription people = room.onPresence(Word.class, events::add);
            Map<String, List<Word>> ann = Map.of("ann", List.of(new Word("abroad")));
            while (!ann.equals(next())) {
                // the first presence is empty
            }
            Subscription again = room.onPresence(Word.class, all -> {}, events::add);
            Subscription updates = room.onUpdate(events::add);
            assertInstanceOf(TopicUpdate.Subscribed.class, next());
            Subscription alike = room.onUpdate(update -> {}, events::add);
            done(room.publish(new Word("1")));

            assertEquals(
                    new Word("1"),
                    assertInstanceOf(TopicUpdate.Received.class, next()).getValue());
            for (Subscription each : List.of(people, again, updates, alike)) each.close();
        }
    }

    @Test
    void requestsGetRepliesInBothDirections() throws Exception {
        try (JavaLiveClient live = open()) {
            Word word = new Word("hi");
            assertEquals(word, done(live.request("echo", word, Word.class, LONG)));
            assertEquals(word, done(live.requestWithKey("echo", "a", word, Word.class)));
            assertEquals(word, done(live.requestWithKey("echo", "b", word, Word.class, LONG)));

            RequestHandler<Word, Word> yes = request -> new Word("yes");
            assertEquals("yes", yes.handle(word).text());
            Subscription received = live.onMessage(message -> events.add(message.getRef()));
            Subscription handler = live.onRequest("confirm", Word.class, yes);
            done(live.send(new Message("ask", "", "confirm", null, null, "")));
            assertEquals("yes", next());
            handler.close();
            received.close();
        }
        try (JavaLiveClient live = JavaLiveClient.builder(server.getUrl()).build()) {
            assertEquals("\"hi\"", done(live.request("echo", "\"hi\"")));
            assertEquals("\"hi\"", done(live.request("echo", "\"hi\"", LONG)));
            assertEquals("\"hi\"", done(live.requestWithKey("echo", "a", "\"hi\"")));
            assertEquals("\"hi\"", done(live.requestWithKey("echo", "b", "\"hi\"", LONG)));

            Subscription received = live.onMessage(message -> events.add(message.getRef()));
            Subscription handler = live.onRequest("confirm", request -> request);
            done(live.send(new Message("ask", "", "confirm", null, null, ""), LONG));
            assertEquals("sure?", next());
            handler.close();
            received.close();
        }
    }

    @Test
    void theStatusIsReported() throws Exception {
        JavaLiveClient live = open();
        Subscription statuses = live.onStatus(events::add);
        ConnectionStatus status = (ConnectionStatus) next();
        while (status.getPhase() != ConnectionStatus.Phase.CONNECTED) status = (ConnectionStatus) next();
        live.probe();
        assertEquals(0, status.getAttempt());
        assertEquals(Duration.ZERO, status.getDelay());
        assertNull(status.getCause());
        assertNull(status.getPause());

        statuses.close();
        live.close();

        assertEquals(DisconnectCause.ClosedByClient.INSTANCE, live.getStatus().getCause());
        assertNull(JavaLiveClient.retryAfter(JavaLiveClient.refusal(ErrorCode.of("busy"), "not now")));
    }

    @Test
    void publishersEmitTheSameAsListeners() throws Exception {
        JavaLiveClient live = open();
        JavaTopic<String> room = live.topic("room/1");
        assertEquals("room/1", room.getName());
        Collector updates = new Collector();
        Collector messages = new Collector();
        Collector statuses = new Collector();
        Publishers.updates(room).subscribe(updates);
        assertInstanceOf(TopicUpdate.Subscribed.class, updates.next());
        Publishers.messages(room).subscribe(messages);
        Publishers.status(live).subscribe(statuses);
        assertInstanceOf(ConnectionStatus.class, statuses.next());

        // the second one sends no subscribe, because the topic is already subscribed
        while (messages.received.isEmpty()) done(room.publish("\"1\""));

        assertEquals("\"1\"", messages.next());
        assertEquals("\"1\"", ((TopicUpdate.Received<?>) updates.next()).getValue());
        live.close();
        for (Collector each : List.of(updates, messages, statuses)) each.completed.get(2, TimeUnit.MINUTES);
    }

    @Test
    void theMapperConvertsBothWays() throws Exception {
        assertEquals("\"hi\"", mapper.toJson(new Word("hi")));
        assertEquals(new Word("hi"), mapper.fromJson("\"hi\"", Word.class));
    }

    @Test
    void aValueThatTheMapperCannotWriteIsRejectedAtTheCall() {
        JsonMapper broken = new JsonMapper() {
            @Override
            public String toJson(Object value) throws IOException {
                throw new IOException("no such field");
            }

            @Override
            public <T> T fromJson(String json, Class<T> type) {
                throw new AssertionError();
            }
        };
        try (JavaLiveClient live =
                JavaLiveClient.builder(server.getUrl()).mapper(broken).build()) {
            JavaTopic<Word> room = live.topic("room/1", Word.class);

            Exception rejected = assertThrows(IllegalArgumentException.class, () -> room.publish(new Word("1")));
            assertEquals("cannot serialize Word: no such field", rejected.getMessage());
            assertInstanceOf(IOException.class, rejected.getCause());
        }
    }

    private JavaLiveClient open() {
        return JavaLiveClient.builder(server.getUrl())
                .bearer(() -> "ann")
                .mapper(mapper)
                .build();
    }

    private static <T> T done(CompletableFuture<T> future) throws Exception {
        return future.get(2, TimeUnit.MINUTES);
    }

    private Object next() throws InterruptedException {
        Object event = events.poll(2, TimeUnit.MINUTES);
        assertNotNull(event, "nothing received within 2 min");
        return event;
    }

    record Word(String text) {}

    private static final class WordMapper implements JsonMapper {
        @Override
        public String toJson(Object value) {
            return '"' + ((Word) value).text() + '"';
        }

        @Override
        public <T> T fromJson(String json, Class<T> type) {
            return type.cast(new Word(json.substring(1, json.length() - 1)));
        }
    }

    private static final class Collector implements Flow.Subscriber<Object> {
        final BlockingQueue<Object> received = new LinkedBlockingQueue<>();
        final CompletableFuture<Void> completed = new CompletableFuture<>();

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(Object item) {
            received.add(item);
        }

        @Override
        public void onError(Throwable failure) {
            completed.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            completed.complete(null);
        }

        Object next() throws InterruptedException {
            Object item = received.poll(2, TimeUnit.MINUTES);
            assertNotNull(item, "nothing received within 2 min");
            return item;
        }
    }
}
