<?php // composer require phrity/websocket
require 'vendor/autoload.php';

$socket = new WebSocket\Client(getenv('LIVE_URL') ?: 'ws://localhost:8080/live');
$socket->addHeader('Sec-WebSocket-Protocol', 'live.v1.json');
$socket->addMiddleware(new WebSocket\Middleware\CloseHandler())->addMiddleware(new WebSocket\Middleware\PingResponder());
$send = fn(array $message) => $socket->text(json_encode($message));
$send(['type' => 'subscribe', 'topic' => 'room/lobby', 'ref' => '1']);
while (true) {
    $message = json_decode($socket->receive()->getContent(), true);
    if ($message['type'] === 'ack' && $message['ref'] === '1') {
        $send(['type' => 'publish', 'topic' => 'room/lobby', 'ref' => '2', 'data' => ['text' => 'hello from PHP']]);
    } elseif ($message['type'] === 'error') {
        fwrite(STDERR, 'refused: ' . $message['data']['reason'] . "\n");
    } elseif ($message['type'] === 'message') {
        echo $message['data']['text'], "\n";
    }
}
