<?php // receives server-sent events and publishes over HTTP, without libraries
$url = getenv('LIVE_HTTP_URL') ?: 'http://localhost:8080';
$events = fopen("$url/live/sse?topic=room/lobby", 'r');
stream_set_chunk_size($events, 1); // otherwise PHP buffers 8 KB
$answered = false;
while (($line = fgets($events)) !== false) {
    if (!$answered && str_contains($line, '"ack"')) { // subscribed
        $answered = file_get_contents("$url/publish", false, stream_context_create(['http' => [
            'method' => 'POST',
            'header' => ['Content-Type: application/json', 'Authorization: Bearer ' . getenv('LIVE_PUBLISH_KEY')],
            'content' => json_encode(['topic' => 'room/lobby', 'data' => ['text' => 'hello from PHP']]),
        ]]));
    }
    $message = str_starts_with($line, 'data: ') ? json_decode(substr($line, 6), true) : null;
    if (($message['type'] ?? '') === 'message') {
        echo $message['data']['text'], "\n";
        break; // remove this to stay connected
    }
}
