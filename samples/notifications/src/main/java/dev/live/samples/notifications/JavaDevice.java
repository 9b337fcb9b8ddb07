package dev.live.samples.notifications;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import dev.live.client.java.ConnectionStatus;
import dev.live.client.java.JavaLiveClient;
import dev.live.client.topic.ClientClosedException;
import dev.live.client.topic.Recovery;
import dev.live.client.topic.TopicUpdate;
import dev.live.protocol.LiveException;
import dev.live.protocol.Message;
import dev.live.samples.shared.JacksonMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A device without a page: prints a user's notices and how many are unread, until the input ends. {@code read} marks all
 * that it has printed as read, on all devices, and {@code ring} looks for the others.
 */
public final class JavaDevice {
    private final String user;
    private final PrintStream out;
    private final Set<Long> unread = new TreeSet<>();

    public JavaDevice(String user, PrintStream out) {
        this.user = user;
        this.out = out;
    }

    public static void main(String[] args) throws IOException {
        if (args.length < 1 || args.length > 2) {
            System.err.println("usage: <user> [ws://localhost:8080/live]");
            System.exit(2);
        }
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String url = args.length == 2 ? args[1] : "ws://localhost:8080/live";
        new JavaDevice(args[0], new PrintStream(System.out, true, StandardCharsets.UTF_8)).run(url, input);
    }

    /** Returns when {@code commands} end. */
    public void run(String url, BufferedReader commands) throws IOException {
        var builder = JavaLiveClient.builder(url).bearer(() -> "token-of-" + user).mapper(new JacksonMapper());
        try (JavaLiveClient live = builder.build();
                var status = live.onStatus(this::show);
                var direct = live.onMessage(this::show);
                var counts = live.topic("unread/" + user, Unread.class)
                        .onMessage(unread -> say("* " + unread.count() + " unread"), this::sayWhyNot);
                var notices = live.topic("notices/" + user, Change.class)
                        .onUpdate(update -> apply(live, update), this::sayWhyNot)) {
            for (String line = commands.readLine(); line != null; line = commands.readLine()) {
                switch (line.trim()) {
                    case "read" -> ask(live, "read", read(), Boolean.class);
                    case "ring" -> ask(live, "ring", "a terminal", Integer.class);
                    default -> say("! commands are: read, ring");
                }
            }
        }
    }

    /** What was missed follows {@code Recovered} by itself; otherwise the inbox is asked for. */
    private void apply(JavaLiveClient live, TopicUpdate<Change> update) {
        if (update instanceof TopicUpdate.Received<Change> received) {
            apply(received.getValue());
        } else if (update instanceof TopicUpdate.Subscribed joined && joined.getRecovery() != Recovery.Recovered) {
            live.request("inbox", "", Inbox.class)
                    .thenAccept(inbox -> inbox.notices().forEach(this::add))
                    .exceptionally(error -> {
                        sayWhyNot(error.getCause());
                        return null;
                    });
        }
    }

    private synchronized void apply(Change change) {
        if (change.added() != null) add(change.added());
        change.read().forEach(unread::remove);
    }

    /** The inbox may hold what has come as a change too. */
    private synchronized void add(Notice notice) {
        if (!notice.read() && unread.add(notice.id())) say(notice.text());
    }

    private synchronized List<Long> read() {
        return List.copyOf(unread);
    }

    private void ask(JavaLiveClient live, String type, Object question, Class<?> answer) {
        try {
            live.request(type, question, answer).get(10, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            sayWhyNot(e.getCause());
        } catch (TimeoutException e) {
            say("! no answer");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void show(ConnectionStatus status) {
        switch (status.getPhase()) {
            case CONNECTED -> say("* connected");
            case WAITING -> say("* connection lost (" + status.getCause() + ")");
            case CLOSED -> say("* closed: " + status.getCause());
            default -> { }
        }
    }

    private void show(Message message) {
        if (message.getType().equals("ring")) say("* somebody looks for this device");
    }

    private void sayWhyNot(Throwable error) {
        if (error instanceof ClientClosedException) return; // the status says why
        say("! " + (error instanceof LiveException refused ? refused.getReason() : error.toString()));
    }

    private void say(String line) {
        out.println(line.replaceAll("\\p{Cntrl}", " "));
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Notice(long id, String text, boolean read) {}

    record Change(Notice added, List<Long> read) {
        Change {
            read = read == null ? List.of() : read;
        }
    }

    record Unread(int count) {}

    record Inbox(List<Notice> notices) {}
}
