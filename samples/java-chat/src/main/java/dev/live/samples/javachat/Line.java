package dev.live.samples.javachat;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * What is said in a room, as it travels: {@code {"text":"hello","from":"Ann"}}. A client sends the text; who said it is
 * filled in by the server. What a later server adds is ignored.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record Line(String text, String from) {
    public Line(String text) {
        this(text, null);
    }
}
