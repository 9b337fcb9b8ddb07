package android.net;

@Deprecated
public class NetworkInfo {}
