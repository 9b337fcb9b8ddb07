package dev.live.fuzz.client

/** Seed inputs: messages of servers. */
internal object ClientSeeds {
    val WORDS: List<String> =
        listOf(
            "ack",
            "message",
            "reply",
            "error",
            "presence",
            "expiring",
            "ping",
            "pong",
            "goodbye",
            "question",
            "unsubscribe",
            "code",
            "reason",
            "retryAfterMs",
            "reconnectInMs",
            "inMs",
            "epoch",
            "offset",
            "recovered",
            "welcome",
            "joined",
            "left",
            "members",
            "count",
            "~1",
            "~2",
            "~3",
            "=key",
            "$1",
            "!p",
            "!o",
            "!r",
            "!s",
            "!c",
            "!b",
            "!x4503",
            "!t5000",
            "!n",
            "!y",
        )

    val all: List<ByteArray> =
        listOf(
            """
            {"type":"message","topic":"a","data":{"text":"hi"},"offset":1}
            {"type":"message","topic":"a","data":{"text":1}}
            !phello
            {"type":"ack","ref":"~4"}
            !rwhat
            {"type":"reply","ref":"~5","data":{"text":"this"}}
            {"type":"ping","ref":"1"}
            {"type":"unsubscribe","topic":"a"}
            """,
            """
            !n
            !b
            !t1000
            {"type":"ack","topic":"a","ref":"~6","data":{"epoch":"e","offset":5,"recovered":false,"welcome":1}}
            {"type":"error","ref":"~7","data":{"code":"rate_limited","reason":"slow down","retryAfterMs":100}}
            {"type":"error","topic":"c","ref":"~8","data":{"code":"forbidden","reason":"no"}}
            !t9000
            """,
            """
            {"type":"question","ref":"${'$'}1","data":{"text":"x"}}
            {"type":"nonsense","ref":"${'$'}2"}
            {"type":"presence","topic":"b","data":{"members":{"ann":[1]}}}
            {"type":"presence","topic":"b","data":{"joined":{"bob":[{}]},"left":["ann"]}}
            {"type":"presence","topic":"b","data":{"count":5}}
            {"type":"expiring","data":{"inMs":100}}
            !oonce
            {"type":"goodbye","data":{"code":1012,"reason":"deploy","reconnectInMs":[0,500]}}
            !x1012
            !t600
            {"type":"ack","ref":"=key"}
            """,
            """
            !c
            {"type":"message","topic":"d","data":{"text":"d"}}
            !s
            {"type":"pong"}
            {"type":
            !t30000
            {"type":"ack","topic":"a","ref":"~9","data":{}}
            """,
        ).map { it.trimIndent().encodeToByteArray() }
}
