package dev.live.client.java

import dev.live.protocol.BadPayloadException

/**
 * Converts the application's classes to and from JSON: a thin adapter for Jackson, Gson or another library.
 *
 * ```java
 * ObjectMapper jackson = new ObjectMapper();
 * JsonMapper mapper = new JsonMapper() {
 *     public String toJson(Object value) throws IOException { return jackson.writeValueAsString(value); }
 *     public <T> T fromJson(String json, Class<T> type) throws IOException { return jackson.readValue(json, type); }
 * };
 * ```
 *
 * Implementations must be thread-safe: they are called on the client's executor and on the threads that publish. They
 * may throw any exception: the caller of `publish` receives it as the cause of an [IllegalArgumentException], and a
 * listener ends with a [BadPayloadException].
 */
public interface JsonMapper {
    /** Returns [value] as JSON text. */
    @Throws(Exception::class)
    public fun toJson(value: Any): String

    /** Returns the [type] for the JSON text [json]. */
    @Throws(Exception::class)
    public fun <T : Any> fromJson(json: String, type: Class<T>): T
}
