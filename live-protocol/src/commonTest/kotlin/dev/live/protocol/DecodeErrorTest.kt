package dev.live.protocol

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

/** Error messages for developers of other clients. Each names the field, the type found and a hint. */
class DecodeErrorTest {
    @Test
    fun `JSON errors name the field and the type found`() {
        mapOf(
            "{}" to "type is missing",
            """{"type":null}""" to "type is missing",
            """{"type":"x","topic":1}""" to "topic must be a string, was a number",
            """{"type":"x","ref":["7"]}""" to "ref must be a string, was an array",
            """{"type":"x","trace":true}""" to "trace must be a string, was a boolean",
            """{"type":"x","offset":1.5}""" to "$OFFSET, was an unsupported number",
            """{"type":"x","offset":1e400}""" to "$OFFSET, was an unsupported number",
            """{"type":"x","offset":"1"}""" to "$OFFSET, was a string",
            """{"type":"x","body":"","data":1}""" to "body and data are mutually exclusive; send only one of them",
            "[]" to "a message must be a JSON object, was an array; encode structs as objects",
            "\"ping\"" to "a message must be a JSON object, was a string",
            "\ufeff{}" to
                "the message is not valid JSON at character 0: the text starts with a byte order mark; remove it",
            """{"type":"x","data":hello}""" to "data is not valid JSON at character 19: a value is expected",
            """{"type":"x"}{""" to
                "the message is not valid JSON at character 12: unexpected text after the end; " +
                "send each message as a WebSocket message of its own",
            """{"type":"x","type":"x"}""" to "type occurs twice in the message; send each name once",
            """{"type":"x","u":1,"u":2}""" to "a name occurs twice in an object; send each name once",
        ).forEach { (text, reason) -> assertEquals(reason, JsonCodec.errorReason(text.encodeToByteArray()), text) }
    }

    @Test
    fun `base64 errors name the invalid character`() {
        mapOf(
            // Ruby 3.1 Base64.encode64, Perl encode_base64, Python 3.11 encodebytes
            "\"AQID\\n\"" to "$BASE64: character 4 is a line break (U+000A); $ALPHABET",
            "\"-_8=\"" to "$BASE64: character 0 is '-' of the URL-safe alphabet; $ALPHABET",
            "\"AA A\"" to "$BASE64: character 2 is U+0020; $ALPHABET",
            "\"AA*A\"" to "$BASE64: character 2 is '*'; $ALPHABET",
            "\"AAA\u00e9\"" to "$BASE64: character 3 is U+00E9; $ALPHABET",
            "\"AQI\"" to
                "body must be base64 with its padding (RFC 4648, section 4): 3 characters are not a multiple of 4",
            "\"AB==\"" to "$BASE64: its last characters do not encode a whole byte",
            // Gson 2.13.2 byte[], and JSON.stringify of a Buffer in Node 20
            "[1,2,3]" to "body must be a base64 string, was an array; $AS_BASE64",
            """{"type":"Buffer","data":[1,2,3]}""" to "body must be a base64 string, was an object; $AS_BASE64",
        ).forEach { (body, reason) ->
            assertEquals(reason, JsonCodec.errorReason("""{"type":"x","body":$body}""".encodeToByteArray()), body)
        }
    }

    @Test
    fun `CBOR errors name the field and the type found`() =
        assertErrors(
            CborCodec,
            // Perl CBOR::XS 1.86 and lua-cbor write all strings as byte strings
            "a1447479706561" + "61" to "field names must be CBOR text strings (major type 3), was a byte string",
            "a10101" to "field names must be CBOR text strings (major type 3), was an integer",
            "a2647479706561" + "7865746f7069634174" to
                "topic must be a CBOR text string (major type 3), was a byte string",
            "a2647479706561" + "7863726566c06137" to "ref must be a CBOR text string (major type 3), was tag 0",
            "a264747970656178" + "6464617461a1616101" to "data must be a text string that holds JSON, was a map",
            "a264747970656178" + "646461746101" to "data must be a text string that holds JSON, was an integer",
            "a264747970656178" + "64626f647983010203" to "$CBOR_BODY, was an array of 3; $ONE_STRING",
            "a264747970656178" + "64626f6479c24101" to "$CBOR_BODY, was tag 2; $ONE_STRING",
            "a264747970656178" + "64626f6479634151" + "3d" to "$CBOR_BODY, was a text string; $ONE_STRING",
            "a264747970656178" + "666f6666736574fb4014000000000000" to "$OFFSET, was a float",
            "a264747970656178" + "666f666673657420" to "$OFFSET, was a negative integer",
            "a264747970656178" + "666f66667365741bffffffffffffffff" to "$OFFSET, was a larger integer",
            "84a1" to "a message must be a map, was an array of 4; encode structs as maps",
            "d9d9f784" to "a message must be a map, was an array of 4; encode structs as maps",
            "c1a0" to "a message must be a map, was tag 1",
            // cbor-x 1.6.9, new Encoder(), and with shared structures
            "d9dfff8619e000" to "a message must be a map, was tag 57343; $RECORDS",
            "d9e000846161" to "a message must be a map, was tag 57344; $RECORDS",
            "a16474797065617800" to "unexpected bytes after the message; $ONE_MESSAGE",
            "a2647479706561" + "7864747970656178" to "type occurs twice in the message; send each name once",
            "a264747970656178" + "65746f70696361ff" to "topic is not valid UTF-8; send binary data as body",
        )

    @Test
    fun `MessagePack errors name the field and the type found`() =
        assertErrors(
            MessagePackCodec,
            "8101a178" to "field names must be MessagePack str, was an integer",
            "82a474797065a178a5746f70696301" to "topic must be text (MessagePack str), was an integer",
            "82a474797065a178a3726566cb4014000000000000" to "ref must be text (MessagePack str), was a float",
            "82a474797065a178a5746f706963c401ff" to "topic is not valid UTF-8; send binary data as body",
            // @msgpack/msgpack 3.1.3 with an object as data
            "82a474797065a178a46461746181a16101" to "data must be a text string that holds JSON, was a map",
            // Vec<u8> in rmp-serde, List<Integer> in Jackson
            "82a474797065a178a4626f647993010203" to "$MSGPACK_BODY, was an array of 3; encode bytes as bin",
            // msgpack-lite 0.2.2 with a Uint8Array
            "82a474797065a178a4626f6479c70312010203" to
                "$MSGPACK_BODY, was an extension of type 18; encode bytes as bin",
            "82a474797065a178a66f6666736574cb4014000000000000" to "$OFFSET, was a float",
            "82a474797065a178a66f6666736574ff" to "$OFFSET, was a negative integer",
            // rmp-serde to_vec
            "94a77075626c697368" to "a message must be a map, was an array of 4; encode structs as maps",
            // msgpackr 2.1.4, new Packr(), and with shared structures
            "d4724094a474797065" to "a message must be a map, was an extension of type 114; $RECORDS",
            "40a77075626c697368" to "a message must be a map, was an integer; with msgpackr, set useRecords: false",
            "81a474797065a17800" to "unexpected bytes after the message; $ONE_MESSAGE",
        )

    private fun assertErrors(codec: Codec, vararg reasons: Pair<String, String>) {
        for ((hex, reason) in reasons) assertEquals(reason, codec.errorReason(hex.hexToByteArray()), hex)
    }

    private fun Codec.errorReason(bytes: ByteArray) =
        assertFailsWith<MalformedMessageException>(bytes.toHexString()) { decode(bytes) }.reason
}

private const val OFFSET = "offset must be an integer from 0 to 9223372036854775807"
private const val BASE64 = "body must be base64 (RFC 4648, section 4)"
private const val ALPHABET = "use A-Z a-z 0-9 + / and no line breaks"
private const val AS_BASE64 = "encode the bytes as base64 (RFC 4648, section 4)"
private const val CBOR_BODY = "body must be a byte string (major type 2)"
private const val ONE_STRING = "encode bytes as one byte string, with no tag but 64"
private const val MSGPACK_BODY = "body must be a byte string (MessagePack bin)"
private const val RECORDS = "records and extensions are not supported: set useRecords: false"
private const val ONE_MESSAGE = "send each message as a WebSocket message of its own"
