package android.net;

/** Its callbacks are methods that do nothing, as on Android; the rest is for a test to say. */
public abstract class ConnectivityManager {
    public abstract Network getActiveNetwork();

    @Deprecated
    public abstract NetworkInfo getActiveNetworkInfo();

    public abstract void registerDefaultNetworkCallback(NetworkCallback networkCallback);

    public abstract void registerNetworkCallback(NetworkRequest request, NetworkCallback networkCallback);

    public abstract void unregisterNetworkCallback(NetworkCallback networkCallback);

    public static class NetworkCallback {
        public void onAvailable(Network network) {}

        public void onLost(Network network) {}

        public void onBlockedStatusChanged(Network network, boolean blocked) {}
    }
}
