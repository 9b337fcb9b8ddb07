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
 * A terminal device: prints a user's notices and the unread count until the input ends. The command {@code read} marks
 * all printed notices as read on all devices, and {@code ring} rings the user's other devices.
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

    /** Returns at the end of {@code commands}. */
    public void run(String url, BufferedReader commands) throws IOException {
        var builder =
                JavaLiveClient.builder(url).bearer(() -> "token-of-" + user).mapper(new JacksonMapper());
        try (JavaLiveClient live = builder.build();
                var status = live.onStatus(this::show);
                var direct = live.onMessage(this::show);
                var counts = live.topic("unread/" + user, Unread.class)
                        .onMessage(unread -> print("* " + unread.count() + " unread"), this::printError);
                var notices = live.topic("notices/" + user, Change.class)
                        .onUpdate(update -> apply(live, update), this::printError)) {
            for (String line = commands.readLine(); line != null; line = commands.readLine()) {
                switch (line.trim()) {
                    case "read" -> request(live, "read", read(), Boolean.class);
                    case "ring" -> request(live, "ring", "a terminal", Integer.class);
                    default -> print("! unknown command; use read or ring");
                }
            }
        }
    }

    /** After {@code Recovered} the missed changes follow; otherwise the inbox is loaded. */
    private void apply(JavaLiveClient live, TopicUpdate<Change> update) {
        if (update instanceof TopicUpdate.Received<Change> received) {
            apply(received.getValue());
        } else if (update instanceof TopicUpdate.Subscribed joined && joined.getRecovery() != Recovery.Recovered) {
            live.request("inbox", "", Inbox.class)
                    .thenAccept(inbox -> inbox.notices().forEach(this::add))
                    .exceptionally(error -> {
                        printError(error.getCause());
                        return null;
                    });
        }
    }

    private synchronized void apply(Change change) {
        if (change.added() != null) add(change.added());
        change.read().forEach(unread::remove);
    }

    /** Ignores duplicates: a notice can be in the inbox and in a change. */
    private synchronized void add(Notice notice) {
        if (!notice.read() && unread.add(notice.id())) print(notice.text());
    }

    private synchronized List<Long> read() {
        return List.copyOf(unread);
    }

    private void request(JavaLiveClient live, String type, Object payload, Class<?> responseType) {
        try {
            live.request(type, payload, responseType).get(10, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            printError(e.getCause());
        } catch (TimeoutException e) {
            print("! the request timed out");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void show(ConnectionStatus status) {
        switch (status.getPhase()) {
            case CONNECTED -> print("* connected");
            case WAITING -> print("* connection lost (" + status.getCause() + ")");
            case CLOSED -> print("* closed: " + status.getCause());
            default -> {}
        }
    }

    private void show(Message message) {
        if (message.getType().equals("ring")) print("* ring from another device");
    }

    private void printError(Throwable error) {
        if (error instanceof ClientClosedException) return; // reported by the status
        print("! " + (error instanceof LiveException rejected ? rejected.getReason() : error.toString()));
    }

    private void print(String line) {
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
