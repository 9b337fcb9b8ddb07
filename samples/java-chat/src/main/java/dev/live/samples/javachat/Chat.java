package dev.live.samples.javachat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/** A terminal chat: sends every input line to the room, until {@code /quit}. */
public final class Chat {
    private Chat() {}

    public static void main(String[] args) throws IOException {
        if (args.length < 2 || args.length > 3) {
            System.err.println("usage: <your name> <room> [ws://localhost:8080/live]");
            System.exit(2);
        }
        String name = URLEncoder.encode(args[0], StandardCharsets.UTF_8);
        String url = (args.length == 3 ? args[2] : "ws://localhost:8080/live") + "?name=" + name;
        try (Room room = new Room(url, args[1], Chat::print)) {
            room.closed().thenRun(() -> System.exit(1)); // closed by the server: exit without waiting for input
            BufferedReader keyboard = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String text = keyboard.readLine(); text != null; text = keyboard.readLine()) {
                if (text.equals("/quit")) break;
                room.send(text).join(); // waits, so that the result is printed below its line
            }
        }
    }

    /** Replaces control characters, so that a message cannot move the cursor or imitate another user's line. */
    private static void print(String line) {
        System.out.println(line.replaceAll("\\p{Cntrl}", " "));
    }
}
