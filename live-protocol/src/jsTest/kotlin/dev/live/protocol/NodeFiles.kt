@file:JsModule("node:fs")

package dev.live.protocol

internal external fun readFileSync(path: String, encoding: String): String
