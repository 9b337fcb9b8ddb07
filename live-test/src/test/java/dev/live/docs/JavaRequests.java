package dev.live.docs;

import dev.live.client.java.JavaLiveClient;
import dev.live.client.java.Subscription;
import dev.live.protocol.ErrorCode;
import dev.live.server.LiveKt;
import io.ktor.server.application.Application;
import java.util.concurrent.CompletableFuture;

/** The Java code of docs/requests.md and docs/users.md, and the types that it assumes. */
final class JavaRequests {
    private final JavaLiveClient live;
    private final Screen screen;

    JavaRequests(JavaLiveClient live, Screen screen) {
        this.live = live;
        this.screen = screen;
    }

    Subscription confirm() {
        Subscription registration = live.onRequest("confirm", Question.class, question -> {
            if (question.text().isEmpty()) throw JavaLiveClient.refusal(ErrorCode.of("empty"), "the question is empty");
            return screen.ask(question.text()); // on the client's executor; may block
        });
        return registration;
    }

    CompletableFuture<Receipt> pay(Order order) {
        CompletableFuture<Receipt> receipt = live.requestWithKey("pay", "order-17", order, Receipt.class);
        return receipt;
    }

    static int kick(Application application) {
        return LiveKt.getLive(application).kickUser("ann", "account closed");
    }

    record Order(int number, int amount) {}

    record Receipt(String text) {}

    record Question(String text) {}

    interface Screen {
        boolean ask(String text);
    }
}
