package dev.live.docs;

import dev.live.client.java.JavaLiveClient;
import dev.live.sync.java.JavaCursorStore;
import dev.live.sync.java.JavaSyncLoop;
import dev.live.sync.java.JavaSyncState;
import dev.live.sync.server.LiveSyncNotifier;
import java.util.concurrent.CompletableFuture;

/** The Java code of docs/sync.md. */
final class SyncPageInJava {
    private final JavaLiveClient live;
    private final Notes notes;

    SyncPageInJava(JavaLiveClient live, Notes notes) {
        this.live = live;
        this.notes = notes;
    }

    void sync() {
        try (JavaSyncLoop loop = JavaSyncLoop.builder(live, "list/42", notes, since -> notes.pull("list/42", since))
                .onState(this::show) // on the configured executor
                .start()) {
            notes.edit(loop::pullNow); // pulls immediately
        }
    }

    void show(JavaSyncState state) {
        System.out.println(state.getPhase());
    }

    static void committed(LiveSyncNotifier notifier, long sequence) {
        notifier.notify("list/42", sequence);
    }

    interface Notes extends JavaCursorStore {
        CompletableFuture<Long> pull(String scope, long since);

        void edit(Runnable done);
    }
}
