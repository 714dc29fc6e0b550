# A client that does as it is told, a line at a time, and answers each with "ok ..." or "failed ...":
# connections that are held over a while, options that curl and dig have no switch for.
#
#   tcp NAME ADDRESS PORT [OPTION=VALUE...]   udp ...   get NAME PATH   write NAME SIZE   read NAME
#   send NAME SIZE [TEXT]   ask NAME SIZE   error NAME   shut NAME   close NAME   reset NAME
#
# Options: from, port (the source), ttl, tos, options (IPv4, hex), hopopts, dstopts (IPv6, hex),
# keepalive, nosum, nopmtu (IPv6: what is long is cut up here)
use strict;
use warnings;
use Socket qw(:all);

my %socket;

# Linux's numbers, of which perl's own modules know few.
my %level = (
    ttl => [IPPROTO_IP, IP_TTL], tos => [IPPROTO_IP, IP_TOS], options => [IPPROTO_IP, 4],
    ttl6 => [IPPROTO_IPV6, 16], hopopts => [IPPROTO_IPV6, 54], dstopts => [IPPROTO_IPV6, 59],
    keepalive => [SOL_SOCKET, SO_KEEPALIVE], nosum => [SOL_SOCKET, 11],
);

sub address {
    my ($text, $port) = @_;
    return $text =~ /:/ ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $text))
                        : pack_sockaddr_in($port, inet_pton(AF_INET, $text));
}

sub set_option {
    my ($socket, $name, $value, $v6) = @_;
    my $place = $level{$v6 && $name eq 'ttl' ? 'ttl6' : $name} or die "option $name?\n";
    $value = $name =~ /opt/ ? pack('H*', $value) : pack('i', $value);
    setsockopt($socket, $place->[0], $place->[1], $value) or die "$name: $!\n";
    return if $name ne 'keepalive';
    setsockopt($socket, IPPROTO_TCP, $_, pack('i', 1)) or die "$!\n" for 4, 5;    # idle, interval
}

sub open_socket {
    my ($kind, $name, $to, $port, @options) = @_;
    my %option = map { split /=/, $_, 2 } @options;
    my ($v6, $type) = (scalar($to =~ /:/), $kind eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM);
    my $from = delete $option{from} || ($v6 ? '::' : '0.0.0.0');
    my $source = delete $option{port} || 0;
    socket(my $socket, $v6 ? AF_INET6 : AF_INET, $type, 0) or die "socket: $!\n";
    setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
    setsockopt($socket, SOL_SOCKET, SO_RCVTIMEO, pack('qq', 3, 0));
    setsockopt($socket, SOL_SOCKET, SO_SNDTIMEO, pack('qq', 2, 0));    # of connect() as well
    set_option($socket, $_, $option{$_}, $v6) for sort keys %option;
    bind($socket, address($from, $source)) or die "bind: $!\n";
    connect($socket, address($to, $port)) or die "connect: $!\n";
    $socket{$name} = $socket;
    return '';
}

sub put {
    my ($socket, $text) = @_;
    defined(my $done = syswrite($socket, $text)) or die "write: $!\n";
    die "write: $done bytes only\n" if $done != length $text;
}

# One answer: the beginning of its first line.
sub get {
    my ($socket, $path, $more) = @_;
    my $answer = '';
    put($socket, "GET $path HTTP/1.1\r\nHost: weir.example\r\n" . ($more ? "$more\r\n" : '') . "\r\n");
    while (1) {
        my ($length, $body) = $answer =~ /^Content-Length: (\d+).*?\r\n\r\n(.*)/ims;
        return substr((split /\n/, $body)[0], 0, 40) if defined $length && length($body) >= $length;
        my $got = sysread($socket, $answer, 65536, length $answer);
        die defined $got ? "closed\n" : "read: $!\n" if !$got;
    }
}

sub read_all {
    my ($socket) = @_;
    my $answer = '';
    while (my $got = sysread($socket, $answer, 65536, length $answer) // die "read: $!\n") { }
    return length($answer) . ' bytes';
}

sub text_of { my ($size, $text) = @_; return substr(($text // 'text') . ' ' . 'x' x $size, 0, $size) }

sub ask {
    my ($socket, $size) = @_;
    put($socket, text_of($size));
    defined(my $got = sysread($socket, my $answer, 65536)) or die "read: $!\n";
    die "the answer has $got bytes\n" if $got != $size;
    return '';
}

sub error_of {
    my ($socket) = @_;
    my $got = sysread($socket, my $answer, 65536);
    return defined $got ? "none, $got bytes" : "$!";
}

sub end {
    my ($name, $reset) = @_;
    my $socket = delete $socket{$name};
    setsockopt($socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $reset;
    close $socket;
    return '';
}

sub obey {
    my ($verb, $name, @words) = @_;
    return open_socket($verb, $name, @words) if $verb eq 'tcp' || $verb eq 'udp';
    my $socket = $socket{$name} or die "no $name\n";
    return get($socket, shift @words, "@words") if $verb eq 'get';
    return put($socket, text_of(@words)) // '' if $verb eq 'write' || $verb eq 'send';
    return read_all($socket) if $verb eq 'read';
    return ask($socket, @words) if $verb eq 'ask';
    return error_of($socket) if $verb eq 'error';
    return (shutdown($socket, SHUT_WR) or die "shutdown: $!\n") && '' if $verb eq 'shut';
    return end($name, $verb eq 'reset') if $verb eq 'close' || $verb eq 'reset';
    die "what is $verb?\n";
}

$SIG{PIPE} = 'IGNORE';
$| = 1;
while (my $line = <STDIN>) {
    my $said = eval { obey(split ' ', $line) };
    print defined $said ? "ok $said\n" : "failed $@";
}
