@file:JsModule("ws")

package dev.live.client

@JsName("WebSocket")
internal external val webSocketOfNpm: dynamic
