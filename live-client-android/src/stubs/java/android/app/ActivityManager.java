package android.app;

public class ActivityManager {
    /** The importance that {@link #getMyMemoryState} returns. Only in this stub, for tests. */
    public static int importance = RunningAppProcessInfo.IMPORTANCE_CACHED;

    public static void getMyMemoryState(RunningAppProcessInfo outState) {
        outState.importance = importance;
    }

    public static class RunningAppProcessInfo {
        public static final int IMPORTANCE_FOREGROUND = 100;
        public static final int IMPORTANCE_VISIBLE = 200;
        public static final int IMPORTANCE_CACHED = 400;

        public int importance;
    }
}
