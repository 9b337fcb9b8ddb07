package android.os;

public class Build {
    public static class VERSION {
        /** Not a compile-time constant: the compiler would inline it into its callers. */
        public static final int SDK_INT = Integer.parseInt("35");
    }

    public static class VERSION_CODES {
        public static final int N = 24;
    }
}
