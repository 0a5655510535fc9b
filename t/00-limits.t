# SPDX-License-Identifier: Apache-2.0
# No test waits for ever: a file that hangs fails with its name, and the processes
# that it has started are ended.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use Test::More;
use Time::HiRes qw(time);
use Scim::Http;
use Scim::Names;
use Scim::Process;
use Scim::Server;

my $dir = File::Temp::tempdir(CLEANUP => 1);

# Let prove run a file with this text; all at once, since they take their time.
my %proof;
sub prove {
    my ($name, $limit, $text) = @_;
    local $ENV{SCIM_TEST_LIMIT} = $limit;
    local @ENV{qw(SCIM_TEST_NAMES SCIM_TEST_SAID)};
    Scim::Server::write_file("$dir/$name.t", "use strict;\nuse warnings;\nuse Test::More;\n$text");
    $proof{$name} = Scim::Process->start(['prove', '--exec', 'script/test-file', "$dir/$name.t"],
                                         out => "$dir/$name.said", err => 'out');
}

# (exit status, text) of it.
sub said {
    my ($name) = @_;
    my $status = $proof{$name}->wait;
    open my $in, '<', "$dir/$name.said" or die $!;
    local $/;
    return ($status, scalar <$in>);
}

# A daemon that does not end by itself, and whether it still runs.
sub daemon { return "system qq(setsid sh -c 'echo \\\$\\\$ > $dir/$_[0].pid; exec sleep 1000' > /dev/null 2>&1 &);\n"
    . "select undef, undef, undef, 0.05 until -s '$dir/$_[0].pid';\n" }
sub is_ended {
    my ($name, $what) = @_;
    open my $in, '<', "$dir/$name.pid" or return fail $what;
    chomp(my $pid = <$in>);
    return ok Scim::Process::until_true(10, sub { !-e "/proc/$pid" }), $what;
}

prove('well', 60, "pass 'a';\ndone_testing;\n");
prove('killed', 60, "pass 'a';\nkill 'KILL', \$\$;\n");
prove('deaf', 3, "\$SIG{\$_} = 'IGNORE' for qw(TERM USR2);\nsleep 1000;\n");
prove('leaves', 10, daemon('leaves') . "pass 'a';\ndone_testing;\n");
prove('hangs', 10, daemon('hangs') . <<'TEXT');
sub wait_for_nobody { pipe my $out, my $in; readline $out }
pass 'a';
wait_for_nobody(5);
done_testing;
TEXT

my ($status, $said) = said('well');
is $status, 0, 'a file that is done in time passes' or diag $said;
($status, $said) = said('hangs');
isnt $status, 0, 'a file that hangs fails';
like $said, qr{^\Q$dir\E/hangs\.t +\(Wstat: .*exited 124}m, 'with its name in the summary';
like $said, qr/hangs\.t: not done within 10 s/, 'and that it took too long';
like $said, qr/It waits at .*hangs\.t line 6.*main::wait_for_nobody\(5\) called at .*hangs\.t line 8/s,
    'where it waits';
like $said, qr/running: sleep 1000/, 'and the running processes';
is_ended('hangs', 'a daemon that it started is ended');
($status, $said) = said('deaf');
isnt $status, 0, 'a file that hears no signal is ended as well' or diag $said;
($status, $said) = said('leaves');
isnt $status, 0, 'a file that leaves something behind fails';
like $said, qr/leaves\.t: left behind: sleep 1000/, 'which is named';
is_ended('leaves', 'and ended');
($status, $said) = said('killed');
like $said, qr/killed\.t: ended by signal 9/, 'a file that a signal ends fails with it';
isnt $status, 0, 'whatever it has passed';

# The library
sub dies_like {
    my ($message, $name, $code) = @_;
    my $start = time;
    ok !eval { $code->(); 1 }, $name;
    like $@, $message, "$name: it says so";
    cmp_ok time - $start, '<', 20, "$name: in time";
}
dies_like(qr/not ended within 1 s: sh -c echo hello.*hello/s, 'a program that does not end',
          sub { Scim::Process::run(['sh', '-c', 'echo hello; sleep 1000; true'], limit => 1) });
dies_like(qr/no line within 1 s: sleep 1000/, 'one that says nothing',
          sub { Scim::Process->start(['sleep', 1000], out => 'pipe')->line(1) });
dies_like(qr/no answer within 1 s/, 'a server that does not answer', sub {
    my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
    my $http = Scim::Http->new('http://127.0.0.1:' . $silent->sockport);
    $http->{timeout} = 1;
    $http->request(GET => '/', []);
});
my $client = Scim::Process->start(sub { sleep 1000 });
my $pid = $client->{pid};
undef $client;
ok !-e "/proc/$pid", 'a process that nobody knows any more is ended';

# Nothing waits except by these functions.
my %WAITS = (
    't/*.t t/lib/Scim/*.pm' => [
        qr{(?<![-\w])(?:fork|waitpid|system|exec|qx|alarm|readline|sysread|IPC::Open\d)\b(?!\s*(?:=>|\d))},
        qr/'(?:-\||\|-)'/, qr/^\s*(?:1 while )?wait\b(?=.*;)/, qr/`/ ],
    't/browser/*.mjs' => [qr/node:child_process|node:test/],
);
# The proxy waits for all of its sockets at once, in a process of the library.
my %MAY = map { $_ => 1 } qw(t/00-limits.t t/lib/Scim/Process.pm t/lib/Scim/Http.pm t/lib/Scim/Proxy.pm t/browser/browser.mjs);
for my $files (sort keys %WAITS) {
    my @bare;
    for my $file (grep { !$MAY{$_} } map { glob } split ' ', $files) {
        open my $in, '<', $file or die "$file: $!";
        while (my $line = <$in>) {
            $line =~ s/#.*//;
            push @bare, "$file:$.: $line" if grep { $line =~ $_ } @{ $WAITS{$files} };
        }
    }
    is_deeply \@bare, [], "$files: every wait is one of the library's, which has a limit" or diag @bare;
}
Scim::Names::record($0, map { [$_->{ok}, $_->{name}] } Test::More->builder->details);
done_testing;
