package android.net;

/** The callback methods do nothing, as on Android. A test implements the rest. */
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
