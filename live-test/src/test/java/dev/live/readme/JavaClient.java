package dev.live.readme;

import dev.live.client.java.JavaLiveClient;
import dev.live.client.java.JavaTopic;
import dev.live.client.java.JsonMapper;
import dev.live.client.java.Subscription;

/** The Java client code of the README, and the types that it assumes. */
final class JavaClient {
    private final Tokens tokens;
    private final JsonMapper json;

    JavaClient(Tokens tokens, JsonMapper json) {
        this.tokens = tokens;
        this.json = json;
    }

    void chat() throws Exception {
        try (JavaLiveClient live = JavaLiveClient.builder("wss://example.com/live")
                .bearer(tokens::fresh)
                .mapper(json)
                .build()) {
            JavaTopic<Chat> room = live.topic("room/lobby", Chat.class);
            Subscription chat = room.onMessage(this::show); // on the configured executor, never on the socket's thread
            room.publish(new Chat("hello")).get(); // waits for the server's ack
        }
    }

    private void show(Chat chat) {
        System.out.println(chat.text());
    }

    record Chat(String text) {}

    interface Tokens {
        String fresh();
    }
}
