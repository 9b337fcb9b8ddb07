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

/** The chat in the terminal, in Java: every line of the input is published, and what is said in the room is printed. */
public final class JavaTerminal {
    private final BufferedReader input;
    private final PrintStream out;
    private final CompletableFuture<Void> over = new CompletableFuture<>();

    public JavaTerminal(BufferedReader input, PrintStream out) {
        this.input = input;
        this.out = out;
    }

    /** Chats until the input ends or says {@code /quit}. */
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

    /** Returns when the client is closed, and why. */
    public DisconnectCause chat(TerminalOptions options) {
        JavaLiveClient live = JavaLiveClient.builder(options.getUrl()).mapper(new JacksonMapper()).build();
        JavaTopic<Line> room = live.topic(options.getTopic(), Line.class);
        try (live;
                Subscription status = live.onStatus(this::show);
                Subscription chat = room.onUpdate(this::show, this::sayWhyNot)) {
            // nothing can interrupt a read from a terminal, so it must not keep the program from ending
            Thread reader = new Thread(() -> publishLines(room), "terminal");
            reader.setDaemon(true);
            reader.start();
            over.join();
        }
        DisconnectCause cause = live.getStatus().getCause();
        say("* closed: " + cause);
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
            over.complete(null);
        }
    }

    private void publish(JavaTopic<Line> room, String text) throws InterruptedException {
        try {
            room.publish(new Line(text, null)).get();
        } catch (ExecutionException e) {
            sayWhyNot(e.getCause());
        }
    }

    private void show(TopicUpdate<Line> update) {
        if (update instanceof TopicUpdate.Received<Line> received) {
            Line line = received.getValue();
            say(line.from() + ": " + line.text());
        } else if (update instanceof TopicUpdate.Subscribed subscribed) {
            boolean isGap = subscribed.getRecovery() == Recovery.Gap;
            say(isGap ? "* connected, and what was said meanwhile may be missing" : "* connected");
        }
    }

    private void show(ConnectionStatus status) {
        switch (status.getPhase()) {
            case CONNECTING, CONNECTED -> { } // the room says more
            case WAITING -> {
                double seconds = status.getDelay().toMillis() / 1000.0;
                say(String.format(
                        Locale.ROOT, "* connection lost (%s), trying again in %.1f s", status.getCause(), seconds));
            }
            case PAUSED -> say("* paused: " + status.getPause());
            case CLOSED -> over.complete(null);
        }
    }

    private void sayWhyNot(Throwable error) {
        if (error instanceof ClientClosedException) return; // the status says why
        say("! " + (error instanceof LiveException refused ? refused.getReason() : error.toString()));
    }

    /** Without control characters: what others write must not be able to move the cursor, or pass for somebody else. */
    private synchronized void say(String line) {
        out.println(line.replaceAll("\\p{Cntrl}", " "));
        out.flush();
    }

    /** What is said; the server fills in who said it. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Line(String text, String from) {}
}
