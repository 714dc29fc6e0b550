# A server that answers with what it was sent: a datagram at once, or half a second later if it
# begins with "later"; a TCP connection when the client has shut its side down, or with an RST as
# soon as it says "abort". `nosum`: UDP without checksums.
#
#   perl echo.pl PORT [nosum]
use strict;
use warnings;
use IO::Select;
use Socket qw(:all);

my ($port, $nosum) = @ARGV;
my %said;    # by connection

sub listening {
    my ($type) = @_;
    socket(my $socket, AF_INET6, $type, 0) or die "socket: $!\n";
    setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
    setsockopt($socket, SOL_SOCKET, 11, 1) if $nosum;    # SO_NO_CHECK
    setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    bind($socket, pack_sockaddr_in6($port, inet_pton(AF_INET6, '::'))) or die "bind: $!\n";
    listen($socket, 16) or die "listen: $!\n" if $type == SOCK_STREAM;
    return $socket;
}

sub answer_datagram {
    my ($socket) = @_;
    my $from = recv($socket, my $text, 65536, 0) // return;
    select(undef, undef, undef, 0.5) if $text =~ /^later/;
    send($socket, $text, 0, $from);
}

# False when the connection is over.
sub serve {
    my ($socket) = @_;
    my $got = sysread($socket, $said{$socket}, 65536, length($said{$socket} // ''));
    return 0 if !defined $got;
    if ($got == 0) {
        syswrite($socket, $said{$socket} // '');
        return 0;
    }
    return 1 if $said{$socket} !~ /abort/;
    setsockopt($socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
    return 0;
}

my ($datagrams, $listener) = (listening(SOCK_DGRAM), listening(SOCK_STREAM));
my $all = IO::Select->new($datagrams, $listener);
while (my @ready = $all->can_read) {
    for my $socket (@ready) {
        if ($socket == $datagrams) {
            answer_datagram($socket);
        } elsif ($socket == $listener) {
            $all->add($_) for grep { accept($_, $listener) } my $connection;
        } elsif (!serve($socket)) {
            delete $said{$socket};
            $all->remove($socket);
            close $socket;
        }
    }
}
