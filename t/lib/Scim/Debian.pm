# SPDX-License-Identifier: Apache-2.0
package Scim::Debian;
# A Debian of its own for a test that configures the machine as an operator
# does: t/debian/enter makes it, and nothing that is done there touches this
# machine or outlives the test.  It is like this machine, or one that has just been
# installed from Debian's mirror, without httpd and PostgreSQL.
use strict;
use warnings;
use Digest::SHA ();
use File::Spec::Functions qw(rel2abs);
use File::Temp ();
use IO::Socket::INET;
use Scalar::Util qw(weaken);
use Scim::Process;

my %entered;    # those that are still open
my @NAMESPACES = qw(unshare --mount --pid --net --uts --ipc -f --kill-child);

# Runs a command as root, with a limit in seconds.
sub as_root {
    my ($seconds, @command) = @_;
    return ($> == 0 ? () : ('sudo', '-n'), 'timeout', '-k', 5, $seconds, @command);
}

sub succeeds {
    my (@command) = @_;
    return Scim::Process::run([as_root(10, @command)])->{status} == 0;
}

# A copy has this machine's network.
sub ports_are_free {
    for my $port (80, 443, 5432) {
        return 0 if IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
    }
    return 1;
}

# The way to get one on this machine, or undef and the reason why there is none.
sub way {
    open my $in, '<', '/etc/os-release' or return (undef, 'this is no Debian');
    my %os = map { /^(\w+)="?([^"\n]*)/ ? ($1 => $2) : () } <$in>;
    return (undef, 'this is not Debian 12') unless ($os{ID} // '') eq 'debian' && ($os{VERSION_ID} // '') eq '12';
    return (undef, 'this needs root, or sudo without a password') unless succeeds('true');
    return 'namespaces' if succeeds(@NAMESPACES, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt');
    return (undef, 'neither namespaces nor chroot are allowed here') unless succeeds('chroot', '/', 'true');
    return (undef, 'no namespaces are allowed here, and port 80, 443 or 5432 is taken') unless ports_are_free();
    return 'copy';
}

# A newly installed Debian as a file, for "way" of new().  It has the named packages
# and files of packages in apt's cache, since there is no network inside.  It is made
# once for these packages, and kept in .build/.  Or undef, and why it cannot be made.
sub base {
    my (@packages) = @_;
    my @depends = map { Scim::Process::run([qw(dpkg-deb -f), $_, 'Depends'])->{out} } grep { m{/} } @packages;
    my $file = '.build/bookworm-' . substr(Digest::SHA::sha256_hex("@packages @depends"), 0, 12) . '.tar';
    return rel2abs($file) if -e $file;
    my $made = Scim::Process::run([as_root(240, 'sh', 't/debian/base', $file, @packages)], err => 'out', limit => 260);
    return (undef, "no new Debian can be made here: $made->{out}") if $made->{status} == 75;
    die "no base: $made->{out}\n" if $made->{status};
    return rel2abs($file);
}

# new(way, user, source, seconds): a shell of that user, in a copy of the folder
# source; it ends after this time, whatever happens.
sub new {
    my ($class, %option) = @_;
    my $self = bless { %option, owner => $$ }, $class;
    $self->{folder} = File::Temp::tempdir('scim-debian-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $self->{folder};
    my @enter = ('sh', "$self->{source}/t/debian/enter", @$self{qw(way folder source user)});
    unshift @enter, @NAMESPACES if $self->{way} ne 'copy';
    $self->{shell} = Scim::Process->start([as_root($self->{seconds}, @enter)], in => 'pipe', out => 'pipe', err => 'out');
    weaken($entered{$self} = $self);
    $self->run('true', 120);
    return $self;
}

# Type a command and wait until it has ended, at most for the given seconds.
# Returns its exit status, or undef if it took longer, and its output.
sub run {
    my ($self, $command, $seconds) = @_;
    my $end = 'ended-' . int rand 1e9;
    $self->{shell}->say("{ $command\n} < /dev/null\necho \"\n$end \$?\"");
    my ($printed, $deadline) = ('', time + $seconds);
    while (1) {
        my $left = $deadline - time;
        my $line = $left > 0 ? eval { $self->{shell}->line($left) // die "the shell has gone: $printed\n" } : undef;
        die $@ if $@ =~ /^the shell/;
        return (undef, "$printed\n(not ended after $seconds seconds)") unless defined $line;
        if (my ($status) = $line =~ /^$end (\d+)$/) {
            chomp $printed;
            return ($status, $printed);
        }
        $printed .= "$line\n";
    }
}

sub leave {
    my ($self) = @_;
    return if $$ != $self->{owner} || !$self->{shell};
    local ($?, $!, $@);
    my $shell = delete $self->{shell};
    $shell->close_input;
    eval { $shell->wait(60) };
}

sub DESTROY { $_[0]->leave }

# Before File::Temp removes the folder.
END { $_->leave for grep { $_ } values %entered }

1;
