# SPDX-License-Identifier: Apache-2.0
package Scim::Process;
# Processes that a test starts, each with a limit: no wait is endless, and a test
# that dies leaves none behind.
#
#   my $done = Scim::Process::run(['scimctl', 'org', 'list']);
#   print $done->{out} if $done->{status} == 0;
#
#   my $psql = Scim::Process->start(['psql'], in => 'pipe', out => 'pipe');
#   $psql->say('SELECT 1;');
#   is $psql->line, '1';
#   $psql->stop;
#
#   my $client = Scim::Process->start(sub { ... });
#   $client->wait;
use strict;
use warnings;
use IO::Handle;
use IO::Select;
use POSIX ();
use Time::HiRes ();

# Seconds: enough for any command on a busy machine, less than the limit of a test
# file, which script/test-file sets.
our $LIMIT = ($ENV{SCIM_TEST_LIMIT} || 300) * 2 / 3;

# start(\@command or code, %how) -> a process.  in is nothing, 'pipe' or a handle;
# out and err are a handle, the name of a file to append to or 'pipe', and err may be
# 'out'; by default they are the test's own.  dir: where it runs.
sub start {
    my ($class, $what, %how) = @_;
    my ($in, $tell) = ends($how{in}, 0);
    my ($out, $read) = ends($how{out}, 1);
    STDOUT->flush;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $_ for grep { $_ } $tell, $read;
        POSIX::_exit(begin($what, $in, $out, \%how));
    }
    setpgrp $pid, $pid;
    $tell->autoflush(1) if $tell;
    return bless { pid => $pid, owner => $$, in => $tell, out => $read, text => '',
                   name => ref $what eq 'CODE' ? 'a part of the test' : "@$what" }, $class;
}

# (the child's, ours): both ends of a pipe.
sub ends {
    my ($how, $to_us) = @_;
    return ($how, undef) if ($how // '') ne 'pipe';
    pipe my $read, my $write or die "pipe: $!\n";
    return $to_us ? ($write, $read) : ($read, $write);
}

# Runs in the child; returns its exit status, unless it becomes another program.
sub begin {
    my ($what, $in, $out, $how) = @_;
    setpgrp;
    chdir $how->{dir} or return 127 if $how->{dir};
    open STDIN, '<', '/dev/null' unless $in;
    open STDIN, '<&', $in or return 127 if $in;
    redirect(\*STDOUT, $out) or return 127;
    redirect(\*STDERR, ($how->{err} // '') eq 'out' ? \*STDOUT : $how->{err}) or return 127;
    if (ref $what eq 'CODE') {
        STDOUT->autoflush(1);
        my $status = eval { $what->(); 1 } ? 0 : 1;
        print STDERR "# $@" if $status;
        STDOUT->flush;
        return $status;
    }
    { no warnings 'exec'; exec { $what->[0] } @$what; }
    print STDERR "$what->[0]: $!\n";
    return 127;
}

sub redirect {
    my ($handle, $to) = @_;
    return 1 unless $to;
    return ref $to ? open $handle, '>&', $to : open $handle, '>>', $to;
}

# run(\@command, input, limit, and the options of start) -> {status, out, err}.  A
# signal is a status from 129 on, as in a shell.  Dies if it takes longer than its
# limit.
sub run {
    my ($command, %how) = @_;
    my %file = map { ($_ => scratch()) } qw(in out err);
    print { $file{in} } delete $how{input} // '';
    $file{in}->flush;
    seek $file{in}, 0, 0;
    my $process = Scim::Process->start($command, %file, %how);
    my $status = eval { $process->wait($how{limit}) };
    die $@, map { text_of($file{$_}) } qw(out err) unless defined $status;
    my $signal = $status & 127;
    return { status => $signal ? 128 + $signal : $status >> 8, map { ($_ => text_of($file{$_})) } qw(out err) };
}

sub scratch {
    open my $file, '+>', undef or die "no temporary file: $!\n";
    return $file;
}

sub text_of {
    my ($file) = @_;
    seek $file, 0, 0;
    local $/;
    return scalar(<$file>) // '';
}

# Poll until the condition holds, more slowly as time passes.
sub until_true {
    my ($seconds, $condition) = @_;
    my $end = Time::HiRes::time() + $seconds;
    my $pause = 0.001;
    until ($condition->()) {
        return 0 if Time::HiRes::time() > $end;
        Time::HiRes::sleep($pause);
        $pause *= 1.1 if $pause < 0.05;
    }
    return 1;
}

# Whether it has ended; then status is that of wait().
sub ended {
    my ($self) = @_;
    return 1 if defined $self->{status};
    my $pid = waitpid $self->{pid}, POSIX::WNOHANG();
    return 0 if $pid == 0;
    $self->{status} = $pid == $self->{pid} ? $? : 0;
    return 1;
}

# Wait for its end; returns its status as in $?.
sub wait {
    my ($self, $seconds) = @_;
    $seconds ||= $LIMIT;
    return $self->{status} if until_true($seconds, sub { $self->ended });
    $self->kill;
    die "not ended within $seconds s: $self->{name}\n";
}

# Ask it to end, and wait; returns its status as in $?.
sub stop {
    my ($self, $signal, $seconds) = @_;
    close delete $self->{in} if $self->{in};
    kill $signal || 'TERM', $self->{pid} unless $self->ended;
    return $self->wait($seconds);
}

# End it and what it has started, at once.
sub kill {
    my ($self) = @_;
    CORE::kill('KILL', -$self->{pid}, $self->{pid}) unless $self->ended;
    until_true(10, sub { $self->ended });
    return;
}

sub say {
    my ($self, $text) = @_;
    local $SIG{PIPE} = 'IGNORE';
    print { $self->{in} } "$text\n" or die "has ended: $self->{name}\n";
    return;
}

sub close_input { close delete $_[0]{in} }

# The next line of its standard output, without its end; undef at the end of all.
sub line {
    my ($self, $seconds) = @_;
    $seconds ||= $LIMIT;
    my $end = Time::HiRes::time() + $seconds;
    my $length;
    while (($length = index $self->{text}, "\n") < 0) {
        my $left = $end - Time::HiRes::time();
        die "no line within $seconds s: $self->{name}\n" if $left <= 0;
        next unless IO::Select->new($self->{out})->can_read($left);
        my $read = sysread $self->{out}, $self->{text}, 65536, length $self->{text};
        return undef if !$read;
    }
    my $line = substr $self->{text}, 0, $length + 1, q();
    chomp $line;
    return $line;
}

# Its output so far, without waiting; and whether there may be more.
sub look {
    my ($self) = @_;
    while (IO::Select->new($self->{out})->can_read(0)) {
        sysread $self->{out}, $self->{text}, 65536, length $self->{text} or return 0;
    }
    return 1;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!, $@);
    $self->kill if $self->{owner} == $$;
    return;
}

1;
