package dev.live.samples.javachat;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Two users in one room, on real sockets. */
class RoomTest {
    private final BlockingQueue<String> ann = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> bob = new LinkedBlockingQueue<>();

    @Test
    void bothUsersReceiveEachMessage() throws Exception {
        try (ChatServer server = ChatServer.ofTheSample();
                Room annRoom = subscribe(server, "Ann", ann);
                Room bobRoom = subscribe(server, "Bob", bob)) {
            annRoom.send("hello").get(2, TimeUnit.MINUTES);
            bobRoom.send("hi Ann").get(2, TimeUnit.MINUTES);

            awaitLine(bob, "Ann: hello");
            awaitLine(ann, "  (sent)");
            awaitLine(ann, "Bob: hi Ann");
        }
    }

    @Test
    void aRejectedMessageIsPrintedWithItsReason() throws Exception {
        try (ChatServer server = ChatServer.ofTheSample();
                Room annRoom = subscribe(server, "Ann", ann)) {
            annRoom.send(" ").get(2, TimeUnit.MINUTES);

            awaitLine(ann, "! text is empty");
        }
    }

    @Test
    void aReconnectWithoutHistoryReportsAGap() throws Exception {
        try (ChatServer server = ChatServer.ofTheSample();
                Room annRoom = subscribe(server, "Ann", ann)) {
            server.disconnect();

            awaitLine(ann, "* subscribed again; messages may be missing");
            annRoom.send("again").get(2, TimeUnit.MINUTES);
            awaitLine(ann, "Ann: again");
        }
    }

    @Test
    void anUnreachableServerIsReportedWithTheReconnectDelay() throws Exception {
        try (Room annRoom = new Room("ws://127.0.0.1:1/live?name=Ann", "lobby", ann::add)) {
            // a newer status may replace an older one; the delays grow
            String next = ann.poll(2, TimeUnit.MINUTES);

            assertNotNull(next, "no status within 2 min");
            assertTrue(next.startsWith("* not connected (the server is unreachable: "), next);
            assertTrue(next.contains("), reconnecting in "), next);
        }
    }

    @Test
    void missedMessagesAreReplayedFromTheHistory() throws Exception {
        try (ChatServer server = ChatServer.withHistory();
                Room annRoom = subscribe(server, "Ann", ann);
                Room bobRoom = subscribe(server, "Bob", bob)) {
            server.disconnect();
            server.send("during the outage");

            for (BlockingQueue<String> screen : List.of(ann, bob)) {
                awaitLine(screen, "* subscribed again; missed messages follow");
                awaitLine(screen, "server: during the outage");
            }
        }
    }

    @Test
    void aPendingMessageIsReportedAsUnknownWhenTheConnectionIsLost() throws Exception {
        try (ChatServer server = ChatServer.withHistory();
                Room annRoom = subscribe(server, "Ann", ann)) {
            CompletableFuture<Void> pending = annRoom.send("hang");
            server.awaitPendingPublish();

            server.disconnect();
            pending.get(2, TimeUnit.MINUTES);

            awaitLine(ann, "! the connection was lost: the message may not have been delivered");
        }
    }

    @Test
    void aKickIsReportedWithItsReason() throws Exception {
        try (ChatServer server = ChatServer.ofTheSample();
                Room annRoom = subscribe(server, "Ann", ann)) {
            server.kick("enough");

            annRoom.closed().get(2, TimeUnit.MINUTES);
            awaitLine(ann, "* closed: the server closed with 4403 (enough)");
        }
    }

    private static Room subscribe(ChatServer server, String name, BlockingQueue<String> screen) throws Exception {
        Room room = new Room(server.urlFor(name), "lobby", screen::add);
        awaitLine(screen, "* subscribed to the room");
        return room;
    }

    /** Waits for {@code line} and skips others: lines of the status and of the room are interleaved. */
    private static void awaitLine(BlockingQueue<String> screen, String line) throws InterruptedException {
        String next;
        do {
            next = screen.poll(2, TimeUnit.MINUTES);
            assertNotNull(next, "'" + line + "' was not printed within 2 min");
        } while (!next.equals(line));
    }
}
