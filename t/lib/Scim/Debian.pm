package Scim::Debian;
# A Debian of its own for a test that configures the machine as an operator
# does: t/debian/enter makes it, and nothing that is done there touches this
# machine or outlives the test.
use strict;
use warnings;
use File::Temp ();
use IPC::Open2 ();

# As root, at most $seconds long.
sub as_root {
    my ($seconds, @command) = @_;
    return ($> == 0 ? () : ('sudo', '-n'), 'timeout', '-k', 5, $seconds, @command);
}

sub in_namespaces {
    my ($seconds, @command) = @_;
    return as_root($seconds, qw(unshare --mount --pid --net --uts --ipc --fork --kill-child), @command);
}

# Why there can be none here; undef when there can.
sub missing {
    open my $in, '<', '/etc/os-release' or return 'this is no Debian';
    my %os = map { /^(\w+)="?([^"\n]*)/ ? ($1 => $2) : () } <$in>;
    return 'this is not Debian 12' unless ($os{ID} // '') eq 'debian' && ($os{VERSION_ID} // '') eq '12';
    my @try = in_namespaces(10, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt');
    open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @try or return "sh: $!";
    my ($line) = <$out>;
    return close $out ? undef : 'no namespaces are allowed here: ' . ($line // 'no reason given');
}

# new(user, source, seconds): a shell of that user, in a copy of the folder
# source, that ends after so many seconds whatever happens.
sub new {
    my ($class, %option) = @_;
    my $self = bless { %option, owner => $$ }, $class;
    $self->{folder} = File::Temp::tempdir('scim-debian-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my @enter = ("$self->{source}/t/debian/enter", $self->{folder}, $self->{source}, $self->{user});
    $self->{pid} = IPC::Open2::open2($self->{from}, $self->{to}, in_namespaces($self->{seconds}, 'sh', @enter));
    $self->run('exec 2>&1', 60);
    return $self;
}

# Type a command, which may take so many seconds, and wait until it has ended;
# returns its exit status, undef when it took longer, and what it printed.
sub run {
    my ($self, $command, $seconds) = @_;
    my $end = 'ended-' . int rand 1e9;
    print { $self->{to} } "{ $command\n} < /dev/null\necho \"\n$end \$?\"\n";
    $self->{to}->flush;
    my ($printed, $deadline) = ('', time + $seconds);
    vec(my $wanted = '', fileno $self->{from}, 1) = 1;
    while (1) {
        return ($1, $printed) if $printed =~ s/\n$end (\d+)\n\z//;
        my $left = $deadline - time;
        return (undef, "$printed\n(not ended after $seconds seconds)") if $left <= 0;
        next unless select my $ready = $wanted, undef, undef, $left;
        sysread $self->{from}, $printed, 65536, length $printed or die "the shell has gone: $printed\n";
    }
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner} || !$self->{pid};
    local ($?, $!);
    close $self->{to};
    waitpid $self->{pid}, 0;
}

1;
