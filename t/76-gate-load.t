# SPDX-License-Identifier: Apache-2.0
# Deactivation under load: without a cache the person is refused at once, with one
# after the cache's time at most.
use strict;
use warnings;
use lib 't/lib';
use File::Path qw(make_path);
use File::Temp ();
use MIME::Base64 ();
use Scim::Process;
use Time::HiRes qw(time);
use Scim::Test;

my $CLIENTS = 6;
my $org = organization();
my $dir = File::Temp::tempdir('scim-gate-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $basic = "AuthType Basic\nAuthName gate\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\nRequire scim-account\n";
my $gate = Scim::Server->new(dir => $dir, database => server(), conf => "SCIMOrganization $org->{key}\n"
    . "<Location /live>\nSCIMGateCache 0\n$basic</Location>\n<Location /cached>\n$basic</Location>\n");
for my $name (qw(live cached)) {
    make_path("$dir/httpd/htdocs/$name");
    Scim::Server::write_file("$dir/httpd/htdocs/$name/x.txt", "x\n");
}
$gate->start;
my $user = $org->create;
my $authorization = 'Basic ' . MIME::Base64::encode("$user->{userName}:x", '');

# A client sends requests until it is ended, and records the times of each request and
# its answer, and the status.
sub client {
    my ($location) = @_;
    my $going = 1;
    local $SIG{TERM} = sub { $going = 0 };
    my $http = Scim::Http->new($gate->{url});
    while ($going) {
        my $asked = time;
        my $r = $http->request(GET => "/$location/x.txt", [Authorization => $authorization], undef);
        printf "%.6f %.6f %d\n", $asked, time, $r->{status};
    }
}

# [time of the request, time of the answer, status] of all clients.
sub answers {
    my ($location) = @_;
    return map { open my $in, '<', $_ or die "$_: $!"; map { [split] } <$in> } glob "$dir/$location-*";
}

my @clients = map {
    my $location = $_;
    map { Scim::Process->start(sub { client($location) }, out => "$dir/$location-$_") } 1 .. $CLIENTS / 2;
} qw(live cached);
my (@out, @in);
for my $round (1 .. 3) {
    select undef, undef, undef, 0.3;     # load while the person is active
    $org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => FALSE });
    push @out, time;
    Scim::Server::wait_until('the bound of the cache has passed', 10, sub { time > $out[-1] + 1.3 });
    push @in, time;
    $org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => TRUE });
    my $known = time;
    Scim::Server::wait_until('he is in again', 10, sub { time > $known + 1.2 });
}
$_->stop for @clients;

# The number of requests that were let in while the person was inactive, after this
# delay.  A request that was sent before the reactivation may be answered after it.
sub let_in {
    my ($after, @answers) = @_;
    return scalar grep { my ($asked, $answered, $status) = @$_;
        $status == 200 && grep { $asked > $out[$_] + $after && $answered < $in[$_] } 0 .. $#out } @answers;
}
my @live = answers('live');
my @cached = answers('cached');
cmp_ok scalar(@live), '>', 300, 'there was load without a cache';
cmp_ok scalar(@cached), '>', 300, 'and with one';
cmp_ok scalar(grep { $_->[2] == 200 } @live), '>', 100, 'he was in';
is let_in(0, @live), 0, 'SCIMGateCache 0: from the answer to the deactivation on, nobody asked and was let in';
is let_in(1, @cached), 0, 'SCIMGateCache 1: not after a second';
is_deeply [grep { $_->[2] != 200 && $_->[2] != 403 } @live, @cached], [], 'there is no other answer';
$gate->stop;
done_testing;
