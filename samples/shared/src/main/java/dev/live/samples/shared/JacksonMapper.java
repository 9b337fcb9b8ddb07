package dev.live.samples.shared;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.live.client.java.JsonMapper;
import java.io.UncheckedIOException;

/** Encodes and decodes payloads with Jackson. */
public final class JacksonMapper implements JsonMapper {
    private final ObjectMapper jackson = new ObjectMapper();

    @Override
    public String toJson(Object value) {
        try {
            return jackson.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public <T> T fromJson(String json, Class<T> type) {
        try {
            return jackson.readValue(json, type);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }
}
