package Scim::Http;
# A small HTTP/1.1 client.  HTTP::Tiny always sends a User-Agent; Microsoft
# Entra ID sends none, and a test must be able to send anything at all.
use strict;
use warnings;
use IO::Socket::INET;
use Socket ();

# Scim::Http->new($url): for the scheme, host and port of $url.  The connection
# is kept between requests and opened again when the server has closed it.
sub new {
    my ($class, $url) = @_;
    my ($scheme, $host, $port) =
        $url =~ m{^(https?)://([^/:]+)(?::(\d+))?}i
        or die "not an HTTP URL: $url\n";
    return bless {
        scheme => lc $scheme, host => $host,
        port => $port || (lc $scheme eq 'https' ? 443 : 80),
        timeout => 60,
    }, $class;
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
            || die "cannot connect to $self->{host}: $IO::Socket::SSL::SSL_ERROR\n";
    }
    else {
        $self->{socket} = IO::Socket::INET->new(%to, Proto => 'tcp')
            || die "cannot connect to $self->{host}:$self->{port}: $@\n";
    }
    # No read and no write takes longer than connecting may.
    setsockopt $self->{socket}, Socket::SOL_SOCKET(), $_, pack 'l!l!', $self->{timeout}, 0
        for Socket::SO_RCVTIMEO(), Socket::SO_SNDTIMEO();
    return $self->{socket};
}

# request($method, $target, \@headers, $body) -> {status, headers, content}.
# The headers are sent as they are, in their order.  Dies when the connection
# breaks before a whole answer was read.
sub request {
    my ($self, $method, $target, $headers, $body) = @_;
    my $fresh = !$self->{socket};
    my $text = "$method $target HTTP/1.1\r\n"
        . "Host: $self->{host}:$self->{port}\r\n";
    for (my $i = 0; $i < @$headers; $i += 2) {
        $text .= "$headers->[$i]: $headers->[$i + 1]\r\n";
    }
    $text .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
    $text .= "\r\n";
    $text .= $body if defined $body;
    $self->connect if $fresh;
    my $answer = eval { $self->exchange($text, $method) };
    my $error = $@;
    if (!$answer) {
        delete $self->{socket};
        # Only what a kept connection lost before its first byte is repeated.
        die $error if $fresh || $error !~ /closed/;
        $self->connect;
        $answer = $self->exchange($text, $method);
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

sub exchange {
    my ($self, $text, $method) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $socket = $self->{socket};
    # A server may refuse, answer and close before it has read everything.
    print {$socket} $text;
    $socket->flush;
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
