package dev.live.samples.javachat;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Two people in one room, on real sockets. */
class RoomTest {
    private final BlockingQueue<String> ann = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> bob = new LinkedBlockingQueue<>();

    @Test
    void whatOneSaysBothHear() throws Exception {
        try (ChatServer server = ChatServer.ofTheSample();
                Room ofAnn = enter(server, "Ann", ann);
                Room ofBob = enter(server, "Bob", bob)) {
            ofAnn.say("hello").get(2, TimeUnit.MINUTES);
            ofBob.say("hi Ann").get(2, TimeUnit.MINUTES);

            seen(bob, "Ann: hello");
            seen(ann, "  (sent)");
            seen(ann, "Bob: hi Ann");
        }
    }

    @Test
    void whatTheServerRefusesIsToldWithItsReason() throws Exception {
        try (ChatServer server = ChatServer.ofTheSample();
                Room ofAnn = enter(server, "Ann", ann)) {
            ofAnn.say(" ").get(2, TimeUnit.MINUTES);

            seen(ann, "! text is empty");
        }
    }

    @Test
    void aServerThatKeepsNothingLeavesAGap() throws Exception {
        try (ChatServer server = ChatServer.ofTheSample();
                Room ofAnn = enter(server, "Ann", ann)) {
            server.disconnect();

            seen(ann, "* back in the room; some lines may be missing");
            ofAnn.say("again").get(2, TimeUnit.MINUTES);
            seen(ann, "Ann: again");
        }
    }

    @Test
    void whoHasNoServerIsToldWhyAndWhenTheNextAttemptIs() throws Exception {
        try (Room ofAnn = new Room("ws://127.0.0.1:1/live?name=Ann", "lobby", ann::add)) {
            // a status may be passed over for a newer one, but the waits become longer
            String next = ann.poll(2, TimeUnit.MINUTES);

            assertNotNull(next, "nothing was told within 2 min");
            assertTrue(next.startsWith("* no connection (the server was not reached: "), next);
            assertTrue(next.contains("), next try in "), next);
        }
    }

    @Test
    void aServerWithAHistoryTellsWhatWasMissed() throws Exception {
        try (ChatServer server = ChatServer.withHistory();
                Room ofAnn = enter(server, "Ann", ann);
                Room ofBob = enter(server, "Bob", bob)) {
            server.disconnect();
            server.say("while you were away");

            for (BlockingQueue<String> screen : List.of(ann, bob)) {
                seen(screen, "* back in the room; what you missed follows");
                seen(screen, "server: while you were away");
            }
        }
    }

    @Test
    void aLineOnItsWayWhenTheConnectionBreaksIsSaidToBeUnknown() throws Exception {
        try (ChatServer server = ChatServer.withHistory();
                Room ofAnn = enter(server, "Ann", ann)) {
            CompletableFuture<Void> unanswered = ofAnn.say("hm");
            server.awaitUnanswered();

            server.disconnect();
            unanswered.get(2, TimeUnit.MINUTES);

            seen(ann, "! the connection broke: nobody knows whether that was said");
        }
    }

    @Test
    void whoIsThrownOutIsToldWhy() throws Exception {
        try (ChatServer server = ChatServer.ofTheSample();
                Room ofAnn = enter(server, "Ann", ann)) {
            server.kick("enough");

            ofAnn.closed().get(2, TimeUnit.MINUTES);
            seen(ann, "* closed: the server closed with 4403 (enough)");
        }
    }

    private static Room enter(ChatServer server, String name, BlockingQueue<String> screen) throws Exception {
        Room room = new Room(server.urlFor(name), "lobby", screen::add);
        seen(screen, "* you are in the room");
        return room;
    }

    /** Waits for {@code line}, passing over others: those of the status and of the room come beside each other. */
    private static void seen(BlockingQueue<String> screen, String line) throws InterruptedException {
        String next;
        do {
            next = screen.poll(2, TimeUnit.MINUTES);
            assertNotNull(next, "'" + line + "' did not come within 2 min");
        } while (!next.equals(line));
    }
}
