# The Perl WebSocket clients in Debian. ClientMatrix.kt describes their sessions.
use strict;
use warnings;
use AnyEvent;
use AnyEvent::WebSocket::Client ();
use AnyEvent::WebSocket::Message ();
use Mojo::IOLoop;
use Mojo::UserAgent;
use Mojolicious ();

$| = 1;

sub with_mojo {
    my ($url, $subprotocol, $next, $end) = @_;
    my $agent = Mojo::UserAgent->new;
    $agent->websocket($url => [$subprotocol] => sub {
        my (undef, $socket) = @_;
        if (!$socket->is_websocket) {
            $end->('refused ' . ($socket->res->code // '-'));
            return Mojo::IOLoop->stop;
        }
        print 'open ', $socket->protocol // '-', "\n";
        my $send = sub {
            my ($kind, $value) = $next->();
            return unless $kind;
            return $socket->finish($value) if $kind eq 'c';
            $socket->send({ ($kind eq 'b' ? 'binary' : 'text') => pack 'H*', $value });
        };
        $socket->on(frame => sub { # bytes of both kinds
            my (undef, $frame) = @_;
            return unless $frame->[4] == 1 || $frame->[4] == 2;
            print $frame->[4] == 1 ? 't ' : 'b ', unpack('H*', $frame->[5]), "\n";
            $send->();
        });
        $socket->on(finish => sub { $end->("closed $_[1]"); Mojo::IOLoop->stop });
        $send->();
    });
    Mojo::IOLoop->start;
}

sub with_anyevent {
    my ($url, $subprotocol, $next, $end, @settings) = @_;
    my $done = AnyEvent->condvar;
    my $client = AnyEvent::WebSocket::Client->new(subprotocol => $subprotocol, @settings);
    my $held;
    $client->connect($url)->cb(sub {
        my $socket = $held = eval { shift->recv };
        return $done->send($@ =~ /(\d{3})/ ? "refused $1" : "failed $@") unless $socket;
        print 'open ', $socket->subprotocol // '-', "\n";
        my $send = sub {
            my ($kind, $value) = $next->();
            return unless $kind;
            return $socket->close($value) if $kind eq 'c';
            $socket->send(AnyEvent::WebSocket::Message->new(body => pack('H*', $value), opcode => $kind eq 'b' ? 2 : 1));
        };
        $socket->on(each_message => sub {
            my (undef, $message) = @_;
            print $message->is_binary ? 'b ' : 't ', unpack('H*', $message->body), "\n";
            $send->();
        });
        $socket->on(finish => sub { $done->send('closed ' . ($_[0]->close_code // 'not reported')) });
        $send->();
    });
    $end->($done->recv);
}

my @entries = (
    ['Mojolicious', Mojolicious->VERSION, '', \&with_mojo],
    ['AnyEvent::WebSocket::Client', AnyEvent::WebSocket::Client->VERSION, '', \&with_anyevent],
    ['AnyEvent::WebSocket::Client', AnyEvent::WebSocket::Client->VERSION, 'max_payload_size => 90_000', \&with_anyevent, max_payload_size => 90_000],
);

if ($ARGV[0] eq 'list') {
    print join('|', @$_[0 .. 2]), "\n" for @entries;
} else {
    while (my $line = <STDIN>) {
        my ($url, $subprotocol, $file) = split ' ', $line;
        open my $frames, '<', $file or die $!;
        my $ended;
        my (undef, undef, undef, $run, @settings) = @{ $entries[$ARGV[1]] };
        $run->($url, $subprotocol, sub { split ' ', <$frames> // '' }, sub { $ended //= $_[0] }, @settings);
        print +($ended // 'failed nothing') =~ s/\n/ /gr, "\ndone\n";
    }
}
