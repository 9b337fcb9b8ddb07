package dev.live.docs.chat;

import dev.live.client.java.JavaLiveClient;
import dev.live.client.java.JavaTopic;
import dev.live.client.java.Subscription;
import dev.live.client.topic.TopicUpdate;
import java.util.Scanner;
import java.util.concurrent.ExecutionException;

public class Chat {
    public static void main(String[] args) throws InterruptedException {
        String url = "ws://localhost:8080/live?name=" + args[0];
        try (JavaLiveClient live =
                JavaLiveClient.builder(url).mapper(new Json()).build()) {
            JavaTopic<Line> room = live.topic("room/lobby", Line.class);
            Subscription status = live.onStatus(now -> System.out.println("* " + now));
            Subscription lines = room.onUpdate(Chat::show, failure -> System.out.println("! " + failure.getMessage()));

            Scanner keyboard = new Scanner(System.in);
            while (keyboard.hasNextLine()) {
                String text = keyboard.nextLine();
                if (text.equals("/quit")) break;
                try {
                    room.publish(new Line(text, null)).get();
                } catch (ExecutionException e) {
                    System.out.println("! " + e.getCause().getMessage());
                }
            }
        }
    }

    static void show(TopicUpdate<Line> update) {
        if (update instanceof TopicUpdate.Received<Line> received) {
            System.out.println(
                    received.getValue().from() + ": " + received.getValue().text());
        } else if (update instanceof TopicUpdate.Subscribed subscribed) {
            System.out.println("* in the room: " + subscribed.getRecovery());
        }
    }
}
