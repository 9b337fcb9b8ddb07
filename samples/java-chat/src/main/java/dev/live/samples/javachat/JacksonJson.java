package dev.live.samples.javachat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.live.client.java.JsonMapper;

/** Encodes and decodes payloads with Jackson. Pass your application's own mapper. */
public final class JacksonJson implements JsonMapper {
    private final ObjectMapper jackson;

    public JacksonJson(ObjectMapper jackson) {
        this.jackson = jackson;
    }

    @Override
    public String toJson(Object value) throws JsonProcessingException {
        return jackson.writeValueAsString(value);
    }

    @Override
    public <T> T fromJson(String json, Class<T> type) throws JsonProcessingException {
        return jackson.readValue(json, type);
    }
}
