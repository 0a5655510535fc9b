# SPDX-License-Identifier: Apache-2.0
# An upgrade of an installation of two hosts, under load: one httpd has the release
# before, built from the history, the other one this release.  "scimctl db upgrade"
# comes between; neither gives a wrong answer, and then both serve the same tables.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use File::Path qw(make_path);
use File::Temp ();
use Scim::Http;
use Scim::Journal;
use Scim::Process;
use Scim::Test;
use Test::More;

my $OLD = '757af90';        # the last commit with the tables of t/schema/5-roles.sql
my $ROOT = Scim::Server::root();

# The module of that commit; it is built once.
sub old_module {
    my $folder = "$ROOT/.test/old-$OLD";
    return "$folder/.libs/mod_scim.so" if -e "$folder/built";
    Scim::Process::run(['git', 'cat-file', '-e', "$OLD^{commit}"])->{status} == 0 or plan skip_all => 'the release before is not in the history';
    make_path($folder);
    my $done = Scim::Process::run(['sh', '-c', <<'SH', $folder, $OLD]);
set -e
git archive "$1" | tar -x -C "$0"
cd "$0"
autoreconf -fi
./configure -q CFLAGS=-O1
make -s -j2 mod_scim.la
touch built
SH
    is $done->{status}, 0, 'the release before is built' or diag substr $done->{err}, -2000;
    return "$folder/.libs/mod_scim.so";
}

my $module = old_module();
my $server = own_server(conf => "SCIMRateLimit 0\n");      # its tables are changed
sub run { my ($role, @arguments) = @_; return $server->run(0, $server->psql('-U', $role, '-qX', '-v', 'ON_ERROR_STOP=1', @arguments)) }
run('postgres', '-d', 'postgres', '-c', 'DROP DATABASE scim WITH (FORCE)', '-c', q{CREATE DATABASE scim OWNER scim_owner ENCODING 'UTF8' TEMPLATE template0});
run('scim_owner', '-f', "$ROOT/t/schema/5-roles.sql");
my $old;
END { my $status = $?; $old->stop_httpd if $old; $? = $status }
$old = Scim::Server->new(dir => File::Temp::tempdir('old-XXXXXX', DIR => $server->{dir}, CLEANUP => 1), database => $server,
    module => $module, conf => "<Location /scim>\nSetHandler scim\nRequire all granted\n</Location>\n")->start;

my %org = (old => organization(), new => organization());
my %url = (old => $old->{url}, new => $server->{plain_url});
my %http = map { ($_ => Scim::Http->new($url{$_})) } keys %url;
sub ask { my ($host, $org, $method, @arguments) = @_; local $org->{http} = $http{$host}; return $org->$method(@arguments) }
sql(q{INSERT INTO scim.account (organization_id, user_name) SELECT o.id, 'Groß' || i || '@example.com' FROM scim.organization o, generate_series(1, 3000) i});
sql(q{INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name) SELECT o.id, 'urn:x', 'operator', 'x' FROM scim.organization o, generate_series(1, 3000) i});

is ask('old', $org{old}, 'get', '/Users?count=1')->{status}, 200, 'the release before serves its tables';
is ask('new', $org{new}, 'get', '/Users?count=1')->{status}, 200, 'and so does this release';

my %journal = map { ($_ => Scim::Journal->start($org{$_}, url => $url{$_}, writers => 4)) } qw(old new);
$journal{old}->wait_for(50);
my $upgrade = Scim::Process::run([$server->scimctl('db', 'upgrade')]);
is $upgrade->{status}, 0, 'the database is upgraded while both work' or diag $upgrade->{err};
like $upgrade->{err}, qr/^Creating the index scim\.event_resource /m, 'an index is built, too';
my $served = $journal{new}->first_good(Time::HiRes::time());
cmp_ok $served, '<', 10, sprintf('%.1f s later this release serves', $served);
$journal{$_}->wait_for(50) for keys %journal;

# The clients of the second journal have the first one's pipe, so they end first.
my %audit = map { ($_ => $journal{$_}->stop->audit($server, others => 1)) } qw(new old);
for my $host (qw(old new)) {
    my ($acknowledged, $unavailable) = map { $audit{$host}->count($_) } qw(acknowledged unavailable);
    note sprintf '%s: %d acknowledged, %d: 503; the longest took %.2f s', $host, $acknowledged, $unavailable, $audit{$host}{slowest};
    is_deeply $audit{$host}->faults, {}, "nothing is lost or wrong by the $host one" or diag explain $audit{$host}->faults;
    is $audit{$host}->count('unanswered'), 0, 'and every request is answered';
    cmp_ok $audit{$host}{slowest}, '<', 3, 'nobody waits for three seconds';
}
is_deeply [grep { $_->{status} == 503 && $_->{retry} !~ /^[1-9]/ } map { $_->entries } values %journal], [], 'each 503 has Retry-After';
cmp_ok $audit{$_}->count('unavailable'), '<=', $audit{$_}->count('acknowledged') / 100, "and the $_ one has hardly any" for qw(old new);

# Side by side
for my $pair (['old', 'new'], ['new', 'old']) {
    my ($writer, $reader) = @$pair;
    my $user = ask($writer, $org{new}, 'create');
    is ask($reader, $org{new}, 'get', "/Users/$user->{id}")->{status}, 200, "what the $writer release creates, the $reader one reads";
    is ask($reader, $org{new}, 'patch_ops', $user->{id}, { op => 'replace', path => 'title', value => "by $reader" })->{status}, 200, 'and changes';
    is ask($writer, $org{new}, 'get', "/Users/$user->{id}")->{json}{title}, "by $reader", 'which the first one sees';
    is ask($writer, $org{new}, 'delete', "/Users/$user->{id}")->{status}, 204, 'and deletes it';
}
my $group = { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'All' };
ok Scim::Process::until_true(15, sub { ask('new', $org{new}, 'post', '/Groups', $group)->{status} == 201 }), 'this release has groups now';
my $log = do { open my $in, '<', $old->{error_log} or die; local $/; <$in> };
is_deeply [map { /SCIM0001: (50[0-24][^\n]*)/ ? $1 : () } split /\n/, $log . error_log()], [], 'no log has an error of a server';
done_testing;
