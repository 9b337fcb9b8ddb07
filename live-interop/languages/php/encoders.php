<?php
// The PHP encoders in Debian. Encoder.kt describes the commands.
$json = [
    'encode' => fn($message) => json_encode($message),
    'decode' => fn($frame) => json_decode($frame, true, 512, JSON_THROW_ON_ERROR),
];
$msgpack = ['encode' => fn($message) => msgpack_pack($message), 'decode' => fn($frame) => msgpack_unpack($frame)];

// library, version, codec, setting, expected error, encoder, body type
$entries = [
    ['json_encode, base64_encode', PHP_VERSION, 'json', '', '', $json, fn($body) => base64_encode($body)],
    ['json_encode, chunk_split(base64_encode())', PHP_VERSION, 'json', '', 'line break', $json, fn($body) => chunk_split(base64_encode($body))],
    ['msgpack', phpversion('msgpack'), 'msgpack', '', '', $msgpack, fn($body) => $body],
];

function unhex(string $field): ?string
{
    return $field === '-' ? null : hex2bin($field === '.' ? '' : $field);
}

function enhex(?string $value): string
{
    return $value === null ? '-' : ($value === '' ? '.' : bin2hex($value));
}

function answer(array $entry, string $command, array $fields): string
{
    [, , $codec, , , $encoder, $bodyOf] = $entry;
    $isJson = $codec === 'json';
    if ($command === 'write') {
        [$type, $topic, $ref, $body, $data, $absent] = $fields;
        $message = ['type' => unhex($type), 'topic' => unhex($topic), 'ref' => unhex($ref)];
        if ($body !== '-') $message['body'] = $bodyOf(unhex($body));
        if ($data !== '-') $message['data'] = $isJson ? json_decode(unhex($data)) : unhex($data);
        if ($absent !== '0') $message += ['body' => null, 'data' => null, 'offset' => null];
        return enhex($encoder['encode']($message));
    }
    if ($command === 'since') {
        $data = $encoder['decode'](unhex($fields[2]))['data'];
        if (!$isJson) $data = json_decode($data, true);
        $since = ['since' => ['epoch' => $data['epoch'], 'offset' => $data['offset']]];
        return enhex($encoder['encode']([
            'type' => 'subscribe', 'topic' => unhex($fields[0]), 'ref' => unhex($fields[1]),
            'data' => $isJson ? $since : json_encode($since),
        ]));
    }
    $message = $encoder['decode'](unhex($fields[0]));
    $body = $message['body'] ?? null;
    $data = $message['data'] ?? null;
    if ($isJson) {
        if ($body !== null) $body = base64_decode($body);
        $data = array_key_exists('data', $message) ? json_encode(json_decode(unhex($fields[0]))->data) : null;
    }
    $parts = array_map('enhex', [$message['type'], $message['topic'] ?? null, $message['ref'] ?? null, $body, $data]);
    return implode(' ', $parts) . ' ' . ($message['offset'] ?? '-');
}

if ($argv[1] === 'list') {
    foreach ($entries as $entry) echo implode('|', array_slice($entry, 0, 5)), "\n";
} else {
    while (($line = fgets(STDIN)) !== false) {
        $fields = explode(' ', trim($line));
        try {
            echo answer($entries[(int) $argv[2]], $fields[0], array_slice($fields, 1)), "\n";
        } catch (Throwable $e) {
            echo '! ', $e->getMessage(), "\n";
        }
    }
}
