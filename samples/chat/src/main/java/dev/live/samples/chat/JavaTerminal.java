package dev.live.samples.chat;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import dev.live.client.connection.DisconnectCause;
import dev.live.client.java.ConnectionStatus;
import dev.live.client.java.JavaLiveClient;
import dev.live.client.java.JavaTopic;
import dev.live.client.java.Subscription;
import dev.live.client.topic.ClientClosedException;
import dev.live.client.topic.Recovery;
import dev.live.client.topic.TopicUpdate;
import dev.live.protocol.LiveException;
import dev.live.samples.shared.JacksonMapper;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** A terminal chat in Java: publishes every input line, and prints the messages of the room. */
public final class JavaTerminal {
    private final BufferedReader input;
    private final PrintStream out;
    private final CompletableFuture<Void> closed = new CompletableFuture<>();

    public JavaTerminal(BufferedReader input, PrintStream out) {
        this.input = input;
        this.out = out;
    }

    /** Runs until the input ends or has the line {@code /quit}. */
    public static void main(String[] args) {
        TerminalOptions options = TerminalOptions.parse(args);
        if (options == null) {
            System.err.println(TerminalOptions.USAGE);
            System.exit(2);
        }
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        DisconnectCause cause = new JavaTerminal(input, out).chat(options);
        System.exit(cause == DisconnectCause.ClosedByClient.INSTANCE ? 0 : 1);
    }

    /** Returns the cause when the client is closed. */
    public DisconnectCause chat(TerminalOptions options) {
        JavaLiveClient live = JavaLiveClient.builder(options.getUrl())
                .mapper(new JacksonMapper())
                .build();
        JavaTopic<Line> room = live.topic(options.getTopic(), Line.class);
        try (live;
                Subscription status = live.onStatus(this::show);
                Subscription chat = room.onUpdate(this::show, this::printError)) {
            // a daemon thread: a blocking read from a terminal cannot be interrupted, and must not block the exit
            Thread reader = new Thread(() -> publishLines(room), "terminal");
            reader.setDaemon(true);
            reader.start();
            closed.join();
        }
        DisconnectCause cause = live.getStatus().getCause();
        print("* closed: " + cause);
        return cause;
    }

    private void publishLines(JavaTopic<Line> room) {
        try {
            for (String text = input.readLine(); text != null && !text.equals("/quit"); text = input.readLine()) {
                publish(room, text);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            closed.complete(null);
        }
    }

    private void publish(JavaTopic<Line> room, String text) throws InterruptedException {
        try {
            room.publish(new Line(text, null)).get();
        } catch (ExecutionException e) {
            printError(e.getCause());
        }
    }

    private void show(TopicUpdate<Line> update) {
        if (update instanceof TopicUpdate.Received<Line> received) {
            Line line = received.getValue();
            print(line.from() + ": " + line.text());
        } else if (update instanceof TopicUpdate.Subscribed subscribed) {
            boolean isGap = subscribed.getRecovery() == Recovery.Gap;
            print(isGap ? "* connected; messages sent in the meantime may be missing" : "* connected");
        }
    }

    private void show(ConnectionStatus status) {
        switch (status.getPhase()) {
            case CONNECTING, CONNECTED -> {} // reported by the topic update
            case WAITING -> {
                double seconds = status.getDelay().toMillis() / 1000.0;
                print(String.format(
                        Locale.ROOT, "* connection lost (%s), reconnecting in %.1f s", status.getCause(), seconds));
            }
            case PAUSED -> print("* paused: " + status.getPause());
            case CLOSED -> closed.complete(null);
        }
    }

    private void printError(Throwable error) {
        if (error instanceof ClientClosedException) return; // reported by the status
        print("! " + (error instanceof LiveException rejected ? rejected.getReason() : error.toString()));
    }

    /** Replaces control characters, so that a message cannot move the cursor or imitate another user's line. */
    private synchronized void print(String line) {
        out.println(line.replaceAll("\\p{Cntrl}", " "));
        out.flush();
    }

    /** A chat message. The server sets {@code from}. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Line(String text, String from) {}
}
