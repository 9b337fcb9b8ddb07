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
 * One person in one room. Everything that happens there goes to {@code screen} as a line: what is said, how the connection
 * is, what may have been missed, and what became of what this person said.
 */
public final class Room implements AutoCloseable {
    private final Consumer<String> screen;
    private final JavaLiveClient live;
    private final JavaTopic<Line> topic;
    private final Subscription status;
    private final Subscription updates;
    private final CompletableFuture<Void> closed = new CompletableFuture<>();

    /**
     * Enters the room. Returns at once: the client connects by itself, and again whenever its connection breaks.
     *
     * @param url such as {@code ws://localhost:8080/live?name=Ann}
     * @param screen called by one thread at a time for each of the two subscriptions: it has to be thread-safe
     */
    public Room(String url, String room, Consumer<String> screen) {
        this.screen = screen;
        live = JavaLiveClient.builder(url).mapper(new JacksonJson(new ObjectMapper())).build();
        topic = live.topic("room/" + room, Line.class);
        status = live.onStatus(this::show);
        updates = topic.onUpdate(this::show, this::showFailure);
    }

    /** Says {@code text}. The future is done when it is known what became of it, which the screen is told too. */
    public CompletableFuture<Void> say(String text) {
        return topic.publish(new Line(text))
                .thenRun(() -> screen.accept("  (sent)")) // the server has acked it
                .exceptionally(failure -> {
                    showFailure(failure);
                    return null;
                });
    }

    /** Done when the client will not connect again: it was closed, or the server has ended it. */
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
            case CONNECTING -> { }
            case CONNECTED -> screen.accept("* connected");
            case WAITING -> screen.accept(
                    "* no connection (" + now.getCause() + "), next try in " + now.getDelay().toMillis() + " ms");
            case PAUSED -> screen.accept("* paused: " + now.getPause());
            case CLOSED -> {
                screen.accept("* closed: " + now.getCause());
                closed.complete(null);
            }
        }
    }

    /** What happens in a topic is one of two things: it was joined, or a message came. */
    private void show(TopicUpdate<Line> update) {
        if (update instanceof TopicUpdate.Received<Line> received) {
            Line line = received.getValue();
            screen.accept(line.from() + ": " + line.text());
        } else if (update instanceof TopicUpdate.Subscribed joined) {
            switch (joined.getRecovery()) {
                case First -> screen.accept("* you are in the room");
                case Recovered -> screen.accept("* back in the room; what you missed follows");
                case Gap -> screen.accept("* back in the room; some lines may be missing");
            }
        }
    }

    private void showFailure(Throwable failure) {
        // a stage of a CompletableFuture wraps what the stage before it has failed with
        Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
        if (cause instanceof ConnectionLostException) {
            screen.accept("! the connection broke: nobody knows whether that was said");
        } else if (cause instanceof ClientClosedException) {
            return; // the status says why
        } else if (cause instanceof LiveException refused) {
            screen.accept("! " + refused.getReason());
        } else {
            screen.accept("! " + cause);
        }
    }
}
