package dev.live.docs.chat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.live.client.java.JsonMapper;

public class Json implements JsonMapper {
    private final ObjectMapper jackson = new ObjectMapper();

    @Override
    public String toJson(Object value) throws JsonProcessingException {
        return jackson.writeValueAsString(value);
    }

    @Override
    public <T> T fromJson(String json, Class<T> type) throws JsonProcessingException {
        return jackson.readValue(json, type);
    }
}
