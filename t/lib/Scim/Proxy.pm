# SPDX-License-Identifier: Apache-2.0
package Scim::Proxy;
# A network that can fail: a port of 127.0.0.1 that leads to a server.
#
#   my $proxy = Scim::Proxy->new(to => '127.0.0.1:5432');   # or the path of a socket
#   connect_to('127.0.0.1', $proxy->port);
#   $proxy->stall('both');       # nothing moves, not even the end of a connection
#   $proxy->stall('answers');    # what clients send arrives, answers do not
#   $proxy->resume;              # all moves again, and connections are accepted
#   $proxy->cut;                 # reset every connection
#   $proxy->refuse;              # refuse connections, until resume
#   $proxy->to('/run/.s.PGSQL.5432');    # where new connections lead
#   $proxy->stop;
#
# Each is in effect when the call returns.  Without "to", connections are reset.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Scim::Process;
use Scim::Server;
use Socket qw(SOL_SOCKET SO_LINGER);

my $PIECE = 65_536;             # bytes in transit in one direction

sub new {
    my ($class, %option) = @_;
    my $self = bless { port => $option{port} || Scim::Server::free_port() }, $class;
    my $port = $self->{port};
    $self->{process} = Scim::Process->start(sub { serve($port) }, in => 'pipe', out => 'pipe');
    $self->answer;
    $self->to($option{to}) if $option{to};
    return $self;
}

sub port { return $_[0]{port} }

sub stall { my ($self, $what) = @_; return $self->tell("stall $what") }
sub resume { return $_[0]->tell('resume') }
sub cut { return $_[0]->tell('cut') }
sub refuse { return $_[0]->tell('refuse') }
sub to { my ($self, $target) = @_; return $self->tell("to $target") }

# How many connections lead through it.
sub count { return $_[0]->tell('count') }

sub stop { my ($self) = @_; $self->{process}->kill; return }

sub tell {
    my ($self, $command) = @_;
    $self->{process}->say($command);
    return $self->answer;
}

sub answer {
    my ($self) = @_;
    my $line = $self->{process}->line(20) // die "the proxy has ended\n";
    die "proxy: $line\n" if $line !~ /^\d+$/;
    return $line;
}

# The code of the proxy's process.  An end of a connection has the handle, the bytes
# that are still to be written to it, and the other end.
my ($listener, $target, %end, $stalled);

sub serve {
    my ($port) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my %does = (
        stall => sub { $stalled = $_[0] },
        resume => sub { $stalled = ''; $listener ||= open_port($port) },
        cut => sub { my @all = values %end; cut_off($_) for @all },
        refuse => sub { $listener = undef },
        to => sub { $target = $_[0] },
        count => sub { },
    );
    $stalled = '';
    $listener = open_port($port);
    print "0\n";
    my $commands = '';
    while (1) {
        my ($readable, $writable) = wait_for_some();
        for my $handle (@$readable) {
            if ($handle == \*STDIN) {
                sysread STDIN, $commands, 4096, length $commands or return;
                while ($commands =~ s/^(\w+) ?(.*)\n//) {
                    $does{$1}->($2);
                    print scalar(keys %end) / 2, "\n";
                }
            }
            elsif ($listener && $handle == $listener) { take() }
            elsif ($end{$handle}) { read_from($end{$handle}) }
        }
        for my $handle (@$writable) {
            write_to($end{$handle}) if $end{$handle};
        }
    }
}

sub open_port {
    my ($port) = @_;
    return IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 128, ReuseAddr => 1)
        || die "port $port: $!\n";
}

# Whether data from this end is held back.
sub is_stalled {
    my ($from) = @_;
    return $stalled eq 'both' || $stalled eq 'answers' && !$from->{is_client};
}

sub wait_for_some {
    my @from = grep { !$_->{has_ended} && !is_stalled($_) && length $_->{other}{pending} < $PIECE } values %end;
    my @to = grep { length $_->{pending} && !is_stalled($_->{other}) } values %end;
    my $read = IO::Select->new(\*STDIN, map { $_->{handle} } @from);
    $read->add($listener) if $listener && $stalled ne 'both';
    my ($readable, $writable) = IO::Select->select($read, IO::Select->new(map { $_->{handle} } @to), undef, undef);
    return ($readable || [], $writable || []);
}

sub take {
    my $client = $listener->accept or return;
    my $server = !$target ? undef
        : $target =~ m{^/} ? IO::Socket::UNIX->new(Peer => $target)
        : IO::Socket::INET->new(PeerAddr => $target, Timeout => 5);
    return reset_handle($client) if !$server;
    my ($here, $there) = map { { handle => $_, pending => '', has_ended => 0 } } $client, $server;
    @$here{qw(other is_client)} = ($there, 1);
    $there->{other} = $here;
    for my $one ($here, $there) {
        $one->{handle}->blocking(0);
        $end{ $one->{handle} } = $one;
    }
}

sub read_from {
    my ($from) = @_;
    my $to = $from->{other};
    my $read = sysread $from->{handle}, $to->{pending}, $PIECE, length $to->{pending};
    return if !defined $read && ($! == EAGAIN || $! == EINTR);
    return cut_off($from) if !defined $read;
    $from->{has_ended} = 1 if $read == 0;
    write_to($to);
}

# Pass on the end of a connection when all its data has arrived.
sub write_to {
    my ($to) = @_;
    if (length $to->{pending}) {
        my $written = syswrite $to->{handle}, $to->{pending};
        return if !defined $written && ($! == EAGAIN || $! == EINTR);
        return cut_off($to) if !defined $written;
        substr $to->{pending}, 0, $written, '';
    }
    forget($to) if $to->{other}{has_ended} && !length $to->{pending};
}

sub forget {
    my ($one) = @_;
    for my $gone ($one, $one->{other}) {
        delete $end{ $gone->{handle} };
        close $gone->{handle};
    }
    delete $one->{other}{other};
    delete $one->{other};
}

sub cut_off {
    my ($one) = @_;
    return unless $one->{other};
    linger($_->{handle}) for $one, $one->{other};
    forget($one);
}

sub reset_handle {
    my ($handle) = @_;
    linger($handle);
    close $handle;
}

# With a linger time of 0, closing resets the connection.
sub linger { setsockopt $_[0], SOL_SOCKET, SO_LINGER, pack 'll', 1, 0 }

1;
