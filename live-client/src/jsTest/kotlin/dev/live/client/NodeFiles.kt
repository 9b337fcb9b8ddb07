@file:JsModule("node:fs")

package dev.live.client

internal external fun readFileSync(path: String, encoding: String): String
