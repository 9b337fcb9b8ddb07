package android.os;

public class Build {
    public static class VERSION {
        /** No constant: the compiler would write it into whoever reads it. */
        public static final int SDK_INT = Integer.parseInt("35");
    }

    public static class VERSION_CODES {
        public static final int N = 24;
    }
}
