package require json
package require websocket ;# tcllib

set url [expr {[info exists env(LIVE_URL)] ? $env(LIVE_URL) : "ws://localhost:8080/live"}]
proc receive {socket kind text} {
    if {$kind eq "connect"} {
        websocket::send $socket text {{"type":"subscribe","topic":"room/lobby","ref":"1"}}
    } elseif {$kind eq "text"} {
        set message [json::json2dict $text]
        set type [dict get $message type]
        if {$type eq "ack" && [dict get $message ref] eq "1"} {
            websocket::send $socket text {{"type":"publish","topic":"room/lobby","ref":"2","data":{"text":"hello from Tcl"}}}
        } elseif {$type eq "error"} {
            puts stderr "refused: [dict get $message data reason]"
        } elseif {$type eq "message"} {
            puts [dict get $message data text]
            websocket::close $socket ;# remove this to stay connected
        }
    } elseif {$kind in {close disconnect error}} {
        set ::ended $kind
    }
}
websocket::open $url receive -protocol live.v1.json
vwait ended
