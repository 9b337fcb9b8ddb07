# The Perl encoders in Debian. Encoder.kt describes the commands.
use strict;
use warnings;
use CBOR::XS ();
use Data::MessagePack ();
use Encode qw(decode_utf8 encode_utf8);
use JSON::XS ();
use MIME::Base64 qw(decode_base64 encode_base64);

$| = 1;
my $json = JSON::XS->new->utf8->allow_nonref;
my %json = (encode => sub { $json->encode($_[0]) }, decode => sub { $json->decode($_[0]) });
my $packer = Data::MessagePack->new;
my $packer_utf8 = Data::MessagePack->new->utf8;
my $cbor_text = CBOR::XS->new->text_keys->text_strings;

# library, version, codec, setting, expected error, encode, decode, body type, text type
my @entries = (
    ['JSON::XS, encode_base64 with ""', JSON::XS->VERSION, 'json', '', '', $json{encode}, $json{decode}, sub { encode_base64($_[0], '') }, \&decode_utf8],
    ['JSON::XS, encode_base64', JSON::XS->VERSION, 'json', '', 'line break', $json{encode}, $json{decode}, sub { encode_base64($_[0]) }, \&decode_utf8],
    ['CBOR::XS', CBOR::XS->VERSION, 'cbor', '', 'text', \&CBOR::XS::encode_cbor, \&CBOR::XS::decode_cbor, sub { $_[0] }, \&decode_utf8],
    ['CBOR::XS', CBOR::XS->VERSION, 'cbor', 'text_keys, and utf8::upgrade on values', '', sub { CBOR::XS->new->text_keys->encode($_[0]) }, \&CBOR::XS::decode_cbor, sub { $_[0] },
        sub { my $text = decode_utf8($_[0]); utf8::upgrade($text); $text }],
    ['CBOR::XS', CBOR::XS->VERSION, 'cbor', 'text_keys->text_strings, and CBOR::XS::as_bytes for the body', '', sub { $cbor_text->encode($_[0]) }, sub { $cbor_text->decode($_[0]) },
        sub { CBOR::XS::as_bytes($_[0]) }, \&decode_utf8],
    ['Data::MessagePack', Data::MessagePack->VERSION, 'msgpack', '', '', sub { $packer->pack($_[0]) }, sub { $packer->unpack($_[0]) }, sub { $_[0] }, \&decode_utf8],
    ['Data::MessagePack', Data::MessagePack->VERSION, 'msgpack', 'utf8', '', sub { $packer_utf8->pack($_[0]) }, sub { $packer_utf8->unpack($_[0]) }, sub { $_[0] }, \&decode_utf8],
    ['Data::MessagePack, texts as UTF-8 bytes', Data::MessagePack->VERSION, 'msgpack', '', '', sub { $packer->pack($_[0]) }, sub { $packer->unpack($_[0]) }, sub { $_[0] }, sub { $_[0] }],
);

sub unhex { my ($field) = @_; return undef if $field eq '-'; return $field eq '.' ? '' : pack('H*', $field) }

sub enhex {
    my ($value) = @_;
    return '-' unless defined $value;
    my $bytes = utf8::is_utf8($value) ? encode_utf8($value) : "$value";
    return length $bytes ? unpack('H*', $bytes) : '.';
}

sub answer {
    my ($entry, $command, @fields) = @_;
    my (undef, undef, $codec, undef, undef, $encode, $decode, $body_of, $text_of) = @$entry;
    my $is_json = $codec eq 'json';
    if ($command eq 'write') {
        my ($type, $topic, $ref, $body, $data, $absent) = @fields;
        my %message = (type => $text_of->(unhex($type)), topic => $text_of->(unhex($topic)), ref => $text_of->(unhex($ref)));
        $message{body} = $body_of->(unhex($body)) if $body ne '-';
        $message{data} = $is_json ? $json->decode(unhex($data)) : $text_of->(unhex($data)) if $data ne '-';
        if ($absent) { exists $message{$_} or $message{$_} = undef for qw(body data offset) }
        return enhex_bytes($encode->(\%message));
    }
    if ($command eq 'since') {
        my ($topic, $ref, $ack) = @fields;
        my $data = $decode->(unhex($ack))->{data};
        $data = $json->decode(utf8::is_utf8($data) ? encode_utf8($data) : $data) unless $is_json;
        my $since = { since => { epoch => $data->{epoch}, offset => $data->{offset} } };
        return enhex_bytes($encode->({
            type => $text_of->('subscribe'), topic => $text_of->(unhex($topic)), ref => $text_of->(unhex($ref)),
            data => $is_json ? $since : $text_of->($json->encode($since)),
        }));
    }
    my $message = $decode->(unhex($fields[0]));
    my ($body, $data) = @$message{qw(body data)};
    if ($is_json) {
        $body = decode_base64($body) if defined $body;
        $data = exists $message->{data} ? $json->encode($data) : undef;
    }
    return join(' ', (map { enhex($_) } @$message{qw(type topic ref)}), enhex_bytes($body), enhex($data), $message->{offset} // '-');
}

sub enhex_bytes { my ($value) = @_; return '-' unless defined $value; return length $value ? unpack('H*', $value) : '.' }

if ($ARGV[0] eq 'list') {
    print join('|', @$_[0 .. 4]), "\n" for @entries;
} else {
    my $entry = $entries[$ARGV[1]];
    while (my $line = <STDIN>) {
        my $answer = eval { answer($entry, split ' ', $line) };
        $answer = "! $@" =~ s/\n/ /gr unless defined $answer;
        print "$answer\n";
    }
}
