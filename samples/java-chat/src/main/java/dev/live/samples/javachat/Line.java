package dev.live.samples.javachat;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * A chat message on the wire: {@code {"text":"hello","from":"Ann"}}. A client sends the text, and the server adds the
 * author. Unknown fields of a newer server are ignored.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record Line(String text, String from) {
    public Line(String text) {
        this(text, null);
    }
}
