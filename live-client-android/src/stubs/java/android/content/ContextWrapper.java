package android.content;

public class ContextWrapper extends Context {
    public ContextWrapper(Context base) {}

    @Override
    public Context getApplicationContext() {
        return this;
    }

    @Override
    public Object getSystemService(String name) {
        throw new UnsupportedOperationException(name);
    }
}
