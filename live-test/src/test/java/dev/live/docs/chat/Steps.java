package dev.live.docs.chat;

import dev.live.client.connection.DisconnectCause;
import dev.live.client.java.ConnectionStatus;
import dev.live.client.java.JavaLiveClient;
import dev.live.client.java.JavaLiveClientBuilder;
import dev.live.client.java.JavaTopic;
import dev.live.client.java.JsonMapper;
import dev.live.client.java.flow.Publishers;
import dev.live.client.topic.ConnectionLostException;
import dev.live.client.topic.TopicUpdate;
import dev.live.protocol.ErrorCode;
import dev.live.protocol.LiveException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;

/** The code of docs/java.md except its chat, and the types that it assumes. */
final class Steps {
    private final Tokens tokens;
    private final JsonMapper json;
    private final Screen screen;

    Steps(Tokens tokens, JsonMapper json, Screen screen) {
        this.tokens = tokens;
        this.json = json;
        this.screen = screen;
    }

    JavaLiveClient connect() {
        JavaLiveClient live = JavaLiveClient.builder("wss://example.com/live")
                .bearer(tokens::fresh) // called before each connection attempt; may block
                .mapper(json)
                .requestTimeout(Duration.ofSeconds(5))
                .build();
        return live;
    }

    void showStatus(ConnectionStatus now) {
        switch (now.getPhase()) {
            case CONNECTING -> screen.banner("connecting");
            case CONNECTED -> screen.clearBanner();
            case WAITING ->
                screen.banner("offline, next try in " + now.getDelay().toSeconds() + " s");
            case PAUSED -> screen.banner("paused: " + now.getPause());
            case CLOSED -> {
                if (now.getCause() instanceof DisconnectCause.ClosedByServer server) screen.banner(server.getReason());
            }
        }
    }

    void showUpdate(TopicUpdate<Line> update) {
        if (update instanceof TopicUpdate.Received<Line> received) {
            screen.add(received.getValue());
        } else if (update instanceof TopicUpdate.Subscribed subscribed) {
            switch (subscribed.getRecovery()) {
                case First -> screen.clear();
                case Recovered -> {} // the missed messages follow
                case Gap -> screen.reload();
            }
        }
    }

    void publish(JavaTopic<Line> room) {
        room.publish(new Line("hello", null))
                .thenRun(() -> screen.banner("sent"))
                .exceptionally(failure -> {
                    // later stages of a CompletableFuture wrap the failure in a CompletionException
                    Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
                    if (cause instanceof ConnectionLostException) {
                        screen.banner("it is unknown whether the message was sent");
                    } else if (cause instanceof LiveException refused) {
                        screen.banner(refused.getReason());
                    }
                    return null;
                });
    }

    void retry(JavaTopic<Line> room, LiveException refused) {
        if (refused.getCode().equals(ErrorCode.RateLimited)) {
            Duration wait = JavaLiveClient.retryAfter(refused); // or null
            screen.banner("too fast, try again in " + wait);
        }
    }

    CompletableFuture<Integer> request(JavaLiveClient live) {
        CompletableFuture<Integer> people = live.request("count", "lobby", Integer.class);
        return people;
    }

    void publishers(JavaTopic<Line> room, JavaLiveClient live, Flow.Subscriber<Line> subscriber) {
        Flow.Publisher<Line> lines = Publishers.messages(room);
        Flow.Publisher<TopicUpdate<Line>> updates = Publishers.updates(room);
        Flow.Publisher<ConnectionStatus> status = Publishers.status(live);
        lines.subscribe(subscriber);
    }

    void executor(JavaLiveClientBuilder builder) {
        ExecutorService ui = Executors.newSingleThreadExecutor();
        JavaLiveClient live = builder.executor(ui).build(); // shut the executor down yourself, after live.close()
    }

    interface Tokens {
        String fresh();
    }

    interface Screen {
        void banner(String text);

        void clearBanner();

        void add(Line line);

        void clear();

        void reload();
    }
}
