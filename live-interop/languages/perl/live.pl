use v5.20;
use Mojo::UserAgent;    # cpanm Mojolicious, or Debian's libmojolicious-perl

my $url = $ENV{LIVE_URL} // 'ws://localhost:8080/live';
my $agent = Mojo::UserAgent->new;
$agent->websocket($url => ['live.v1.json'] => sub {
    my (undef, $socket) = @_;
    die 'no connection: ', $socket->res->code // $socket->error->{message} unless $socket->is_websocket;
    $socket->on(json => sub {
        my ($socket, $message) = @_;
        if ($message->{type} eq 'ack' && $message->{ref} eq '1') {
            my $note = { text => 'hello from Perl' };
            $socket->send({ json => { type => 'publish', topic => 'room/lobby', ref => '2', data => $note } });
        }
        elsif ($message->{type} eq 'error')   { warn "refused: $message->{data}{reason}\n" }
        elsif ($message->{type} eq 'message') {
            say $message->{data}{text};
            $socket->finish;    # remove this to stay connected
        }
    });
    $socket->on(finish => sub { Mojo::IOLoop->stop });
    $socket->send({ json => { type => 'subscribe', topic => 'room/lobby', ref => '1' } });
});
Mojo::IOLoop->start;
