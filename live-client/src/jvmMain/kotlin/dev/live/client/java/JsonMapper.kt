package dev.live.client.java

import dev.live.protocol.BadPayloadException

/**
 * WriterBacklog the application's classes into JSON and back: a thin layer over Jackson, Gson or whatever it uses.
 *
 * ```java
 * ObjectMapper jackson = new ObjectMapper();
 * JsonMapper mapper = new JsonMapper() {
 *     public String toJson(Object value) throws IOException { return jackson.writeValueAsString(value); }
 *     public <T> T fromJson(String json, Class<T> type) throws IOException { return jackson.readValue(json, type); }
 * };
 * ```
 *
 * Thread-safe: it is called on the client's executor and by whoever publishes. It may throw whatever its library
 * throws: who publishes gets an [IllegalArgumentException] with that as its cause, a listener ends with a
 * [BadPayloadException].
 */
public interface JsonMapper {
    /** The JSON text of [value]. */
    @Throws(Exception::class)
    public fun toJson(value: Any): String

    /** The [type] that [json] holds. */
    @Throws(Exception::class)
    public fun <T : Any> fromJson(json: String, type: Class<T>): T
}
