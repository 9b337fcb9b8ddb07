package dev.live.test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.live.client.java.JavaLiveClient;
import dev.live.client.java.Subscription;
import dev.live.client.topic.Presence;
import dev.live.client.topic.Recovery;
import dev.live.client.topic.TopicUpdate;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** History, presence and traces in Java, against a server on a real socket. */
class JavaTopicTest {
    private final JavaRooms rooms = new JavaRooms();

    @AfterEach
    void stop() {
        rooms.close();
    }

    @Test
    void missedMessagesAreReplayedAfterAReconnect() throws Exception {
        BlockingQueue<TopicUpdate<String>> updates = new LinkedBlockingQueue<>();
        try (JavaLiveClient live = JavaLiveClient.builder(rooms.getUrl()).build();
                Subscription room = live.topic("room/1").onUpdate(updates::add)) {
            assertEquals(Recovery.First, subscribed(next(updates)));
            rooms.publish("one");
            assertEquals("\"one\"", received(next(updates)).getValue());

            rooms.disconnect();
            rooms.publish("two");

            assertEquals(Recovery.Recovered, subscribed(next(updates)));
            assertEquals("\"two\"", received(next(updates)).getValue());
        }
    }

    @Test
    void presenceChangesAreNotified() throws Exception {
        BlockingQueue<Presence<String>> presences = new LinkedBlockingQueue<>();
        try (JavaLiveClient ann = JavaLiveClient.builder(rooms.getUrl())
                        .header("X-Name", "ann")
                        .build();
                JavaLiveClient bob = JavaLiveClient.builder(rooms.getUrl())
                        .header("X-Name", "bob")
                        .build();
                Subscription people = ann.topic("room/1").onPresence(String.class, presences::add)) {
            awaitPresence(presences, Map.of("ann", List.of("\"here\"")));
            Subscription silent = bob.topic("room/1").withParams("\"abroad\"").onMessage(text -> {});
            awaitPresence(presences, Map.of("ann", List.of("\"here\""), "bob", List.of("\"abroad\"")));

            silent.close();

            awaitPresence(presences, Map.of("ann", List.of("\"here\"")));
        }
    }

    @Test
    void theTraceOfTheCallingThreadIsPropagated() throws Exception {
        ThreadLocal<String> current = new ThreadLocal<>();
        BlockingQueue<TopicUpdate<String>> updates = new LinkedBlockingQueue<>();
        try (JavaLiveClient live = JavaLiveClient.builder(rooms.getUrl())
                        .trace(current::get)
                        .build();
                Subscription room = live.topic("room/1").onUpdate(updates::add)) {
            subscribed(next(updates));
            current.set("00-1");
            live.topic("room/1").publish("\"traced\"").get(2, TimeUnit.MINUTES);
            assertEquals("00-1", received(next(updates)).getTrace());

            current.remove();
            live.topic("room/1").publish("\"untraced\"").get(2, TimeUnit.MINUTES);
            assertEquals("", received(next(updates)).getTrace());
        }
    }

    @Test
    void anExceptionOfTheTraceProviderFailsTheCall() {
        try (JavaLiveClient live = JavaLiveClient.builder(rooms.getUrl())
                .trace(() -> {
                    throw new IllegalStateException("no span");
                })
                .build()) {
            CompletableFuture<Void> published = live.topic("room/1").publish("1");

            Exception failure = assertThrows(ExecutionException.class, () -> published.get(2, TimeUnit.MINUTES));
            assertEquals("no span", failure.getCause().getMessage());
        }
    }

    private static Recovery subscribed(TopicUpdate<String> update) {
        return assertInstanceOf(TopicUpdate.Subscribed.class, update).getRecovery();
    }

    @SuppressWarnings("unchecked") // the update is a TopicUpdate<String>
    private static TopicUpdate.Received<String> received(TopicUpdate<String> update) {
        return assertInstanceOf(TopicUpdate.Received.class, update);
    }

    private static <T> T next(BlockingQueue<T> queue) throws InterruptedException {
        T next = queue.poll(2, TimeUnit.MINUTES);
        assertNotNull(next, "nothing received within 2 min");
        return next;
    }

    private static void awaitPresence(BlockingQueue<Presence<String>> presences, Map<String, List<String>> expected)
            throws InterruptedException {
        Presence<String> last;
        do {
            last = next(presences);
        } while (!expected.equals(last));
    }
}
