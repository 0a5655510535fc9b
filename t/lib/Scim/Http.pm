# SPDX-License-Identifier: Apache-2.0
package Scim::Http;
# A small HTTP/1.1 client.  HTTP::Tiny always sends a User-Agent; Microsoft
# Entra ID sends none, and a test must be able to send anything at all.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket ();

our $HTTP2 = 0;      # the default of http2 in new
our %REQUESTS;       # number of requests by http, tls and h2

# Scim::Http->new($url, http2 => 0|1): for the scheme, host and port of $url.  The
# connection is kept between requests and opened again when the server has closed
# it.  With http2 and a URL of TLS, it is a Scim::Http2.
sub new {
    my ($class, $url, %option) = @_;
    if (($option{http2} // $HTTP2) && $url =~ m{^https://}i) {
        require Scim::Http2;
        return Scim::Http2->new($url);
    }
    my ($scheme, $host, $port) =
        $url =~ m{^(https?)://([^/:]+)(?::(\d+))?}i
        or die "not an HTTP URL: $url\n";
    return bless {
        scheme => lc $scheme, host => $host,
        port => $port || (lc $scheme eq 'https' ? 443 : 80),
        timeout => 60,
    }, $class;
}

# IO::Socket::SSL calls it a wrong configuration if there is no TCP connection.
sub tls_failure {
    my $error = $IO::Socket::SSL::SSL_ERROR;
    return $error =~ /configuration failed/ ? $@ : $error;
}

sub connect {
    my ($self) = @_;
    my %to = (PeerHost => $self->{host}, PeerPort => $self->{port},
              Timeout => $self->{timeout});
    if ($self->{scheme} eq 'https') {
        eval { require IO::Socket::SSL; 1 }
            or die "https needs the Perl module IO::Socket::SSL"
                 . " (Debian: libio-socket-ssl-perl)\n";
        $self->{socket} = IO::Socket::SSL->new(%to)
            || die "cannot connect to $self->{host}:$self->{port}: ", tls_failure(), "\n";
    }
    else {
        $self->{socket} = IO::Socket::INET->new(%to, Proto => 'tcp')
            || die "cannot connect to $self->{host}:$self->{port}: $@\n";
    }
    # The limit of connecting is that of each read and write, too.
    setsockopt $self->{socket}, Socket::SOL_SOCKET(), $_, pack 'l!l!', $self->{timeout}, 0
        for Socket::SO_RCVTIMEO(), Socket::SO_SNDTIMEO();
    # Each write is sent at once, as it is.
    setsockopt $self->{socket}, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;
    return $self->{socket};
}

# The body in pieces of these lengths, the last of which repeats, up to stall or
# cut_off.
sub pieces {
    my ($body, %how) = @_;
    my @lengths = @{ $how{pieces} || [] };
    my $end = $how{stall} // $how{cut_off} // length $body;
    my @pieces;
    for (my $at = 0; $at < $end;) {
        my $length = $lengths[@pieces] // $lengths[-1] // $end;
        $length = $end - $at if $at + $length > $end;
        push @pieces, substr $body, $at, $length;
        $at += $length;
    }
    return @pieces;
}

# request($method, $target, \@headers, $body, pieces => [lengths], chunked => 0|1,
# pause => $seconds, stall => $bytes, cut_off => $bytes, host => its name in Host,
# once => 0|1) -> {status, headers, content}.  The headers are sent as they are, in
# their order; the body in one write with them.  With pieces, each piece is sent after
# a pause, in a write (over TLS: a record) and, if chunked, a chunk of its own.  After
# stall or cut_off bytes of the body, the client sends nothing more (stall), or closes
# its side of the connection (cut_off).  Dies if the connection breaks before a whole
# answer was read; with once, even a kept connection, so that nothing is sent twice.
sub request {
    my ($self, $method, $target, $headers, $body, %how) = @_;
    my $fresh = !$self->{socket};
    $REQUESTS{ $self->{scheme} eq 'https' ? 'tls' : 'http' }++;
    my $text = "$method $target HTTP/1.1\r\n"
        . 'Host: ' . ($how{host} // "$self->{host}:$self->{port}") . "\r\n";
    for (my $i = 0; $i < @$headers; $i += 2) {
        $text .= "$headers->[$i]: $headers->[$i + 1]\r\n";
    }
    my @pieces = pieces($body // '', %how);
    local $self->{pause} = $how{pause};
    if ($how{chunked}) {
        $text .= "Transfer-Encoding: chunked\r\n";
        @pieces = map { sprintf "%x\r\n%s\r\n", length, $_ } @pieces;
        push @pieces, "0\r\n\r\n" unless defined($how{stall} // $how{cut_off});
    }
    elsif (defined $body) {
        $text .= 'Content-Length: ' . length($body) . "\r\n";
    }
    $text .= "\r\n";
    $text .= join '', splice @pieces unless $how{pieces};
    push @pieces, undef if defined $how{cut_off};
    $self->connect if $fresh;
    my $answer = eval { $self->exchange($text, $method, @pieces) };
    my $error = $@;
    if (!$answer) {
        delete $self->{socket};
        # Repeat the request only if a kept connection was closed before the first
        # byte of the answer.
        die $error if $fresh || $how{once} || $error !~ /closed/;
        $self->connect;
        $answer = $self->exchange($text, $method, @pieces);
    }
    delete $self->{socket}
        if lc($answer->{headers}{connection} // '') eq 'close';
    return $answer;
}

# Send without waiting for the answer; for clients that go away.
sub send_only {
    my ($self, $text) = @_;
    $self->connect->syswrite($text);
    return;
}

# All bytes from the connection, until it ends or is silent for the given seconds;
# after a match of $end, for a moment.
sub all {
    my ($self, $patience, $end) = @_;
    my $socket = $self->{socket};
    my $text = '';
    $socket->blocking(0);
    while (1) {
        my $read = $socket->sysread($text, 65536, length $text);
        next if $read;
        last if defined $read || !IO::Select->new($socket)->can_read($end && $text =~ $end ? 0.02 : $patience);
    }
    return $text;
}

sub exchange {
    my ($self, $text, $method, @pieces) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $socket = $self->{socket};
    # A server may refuse, answer and close before it has read everything.
    for my $piece ($text, @pieces) {
        utf8::downgrade($piece) if defined $piece;
        select undef, undef, undef, $self->{pause} if $self->{pause};
        defined $piece ? print {$socket} $piece : shutdown $socket, 1 or last;
        $socket->flush;
    }
    return $self->answer($method);
}

# Read the answer to what was sent.
sub answer {
    my ($self, $method) = @_;
    my $answer;
    do {
        $answer = $self->read_head;
    } while ($answer->{status} == 100);
    my $length = $answer->{headers}{'content-length'};
    if ($method eq 'HEAD' || $answer->{status} =~ /^(?:204|304)$/) {
        $answer->{content} = '';
    }
    elsif (lc($answer->{headers}{'transfer-encoding'} // '') eq 'chunked') {
        $answer->{content} = $self->read_chunks;
    }
    elsif (defined $length) {
        $answer->{content} = $self->read_bytes($length);
    }
    else {
        local $/;
        $! = 0;
        $answer->{content} = readline($self->{socket}) // '';
        die "no answer within $self->{timeout} s\n" if $!{EAGAIN};
        $answer->{headers}{connection} = 'close';
    }
    return $answer;
}

sub read_line {
    my ($self) = @_;
    local $/ = "\r\n";
    $! = 0;
    my $line = readline($self->{socket});
    die "no answer within $self->{timeout} s\n" if !defined $line && $!{EAGAIN};
    die "connection closed\n" unless defined $line;
    $line =~ s/\r\n\z// or die "broken answer\n";
    return $line;
}

sub read_head {
    my ($self) = @_;
    my $first = $self->read_line;
    my ($status) = $first =~ m{^HTTP/1\.[01] (\d{3})} or die "broken answer\n";
    my %headers;
    while ((my $line = $self->read_line) ne '') {
        my ($name, $value) = $line =~ /^([^:]+):\s*(.*?)\s*$/ or next;
        $headers{lc $name} = $value;
    }
    return { status => $status + 0, headers => \%headers };
}

sub read_bytes {
    my ($self, $length) = @_;
    my $bytes = '';
    while (length $bytes < $length) {
        read($self->{socket}, $bytes, $length - length $bytes, length $bytes)
            or die "broken answer\n";
    }
    return $bytes;
}

sub read_chunks {
    my ($self) = @_;
    my $bytes = '';
    while ((my $length = hex $self->read_line) > 0) {
        $bytes .= $self->read_bytes($length);
        $self->read_line;
    }
    1 while $self->read_line ne '';
    return $bytes;
}

1;
