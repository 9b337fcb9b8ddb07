package dev.live.samples.javachat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.live.client.java.ConnectionStatus;
import dev.live.client.java.JavaLiveClient;
import dev.live.client.java.JavaTopic;
import dev.live.client.java.Subscription;
import dev.live.client.topic.ClientClosedException;
import dev.live.client.topic.ConnectionLostException;
import dev.live.client.topic.TopicUpdate;
import dev.live.protocol.LiveException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;

/**
 * One user in one chat room. Prints to {@code screen}: messages, the connection status, gaps after a reconnect, and the
 * result of each sent message.
 */
public final class Room implements AutoCloseable {
    private final Consumer<String> screen;
    private final JavaLiveClient live;
    private final JavaTopic<Line> topic;
    private final Subscription status;
    private final Subscription updates;
    private final CompletableFuture<Void> closed = new CompletableFuture<>();

    /**
     * Subscribes to the room. Does not block: the client connects in the background, and reconnects automatically.
     *
     * @param url such as {@code ws://localhost:8080/live?name=Ann}
     * @param screen must be thread-safe: each of the two subscriptions calls it from its own thread
     */
    public Room(String url, String room, Consumer<String> screen) {
        this.screen = screen;
        live = JavaLiveClient.builder(url)
                .mapper(new JacksonJson(new ObjectMapper()))
                .build();
        topic = live.topic("room/" + room, Line.class);
        status = live.onStatus(this::show);
        updates = topic.onUpdate(this::show, this::showFailure);
    }

    /** Publishes {@code text} and prints the result. The future completes after that, also on a failure. */
    public CompletableFuture<Void> send(String text) {
        return topic.publish(new Line(text))
                .thenRun(() -> screen.accept("  (sent)")) // the server has sent the ack
                .exceptionally(failure -> {
                    showFailure(failure);
                    return null;
                });
    }

    /** Completes when the client or the server has closed the connection, and no reconnect follows. */
    public CompletableFuture<Void> closed() {
        return closed;
    }

    @Override
    public void close() {
        updates.close();
        status.close();
        live.close();
    }

    private void show(ConnectionStatus now) {
        switch (now.getPhase()) {
            case CONNECTING -> {}
            case CONNECTED -> screen.accept("* connected");
            case WAITING ->
                screen.accept("* not connected (" + now.getCause() + "), reconnecting in "
                        + now.getDelay().toMillis() + " ms");
            case PAUSED -> screen.accept("* paused: " + now.getPause());
            case CLOSED -> {
                screen.accept("* closed: " + now.getCause());
                closed.complete(null);
            }
        }
    }

    /** An update is either a new subscription or a message. */
    private void show(TopicUpdate<Line> update) {
        if (update instanceof TopicUpdate.Received<Line> received) {
            Line line = received.getValue();
            screen.accept(line.from() + ": " + line.text());
        } else if (update instanceof TopicUpdate.Subscribed subscribed) {
            switch (subscribed.getRecovery()) {
                case First -> screen.accept("* subscribed to the room");
                case Recovered -> screen.accept("* subscribed again; missed messages follow");
                case Gap -> screen.accept("* subscribed again; messages may be missing");
            }
        }
    }

    private void showFailure(Throwable failure) {
        // a dependent stage of a CompletableFuture wraps the failure of the previous stage
        Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
        if (cause instanceof ConnectionLostException) {
            screen.accept("! the connection was lost: the message may not have been delivered");
        } else if (cause instanceof ClientClosedException) {
            return; // reported by the status
        } else if (cause instanceof LiveException rejected) {
            screen.accept("! " + rejected.getReason());
        } else {
            screen.accept("! " + cause);
        }
    }
}
