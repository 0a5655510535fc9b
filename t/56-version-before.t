# SPDX-License-Identifier: Apache-2.0
# This release on the tables of the version before: what that version could do works
# and is answered alike, what needs newer tables says so, and when the tables are
# upgraded under load, nothing fails and the rest begins to work by itself.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use IO::Socket::INET;
use MIME::Base64 ();
use Scim::Journal;
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(sleep time);

my $BASIC = "AuthType Basic\nAuthName gate\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\nSCIMOrganization acme\nSCIMGateCache 0\n";
my %GATE = (account => 'Require scim-account', role => 'Require scim-role USER', group => 'Require scim-group Sales', told => "SCIMGateGroups all\nRequire scim-account");
my $server = own_server(conf => join '', map { "<Location /gate-$_>\n$BASIC$GATE{$_}\n</Location>\n" } sort keys %GATE);
my $ROOT = Scim::Server::root();
my $UPGRADE = 'run: scimctl db upgrade';
my $NEEDS = "The database has schema version 5, and this needs 6; $UPGRADE";
my $GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';

sub run { my ($role, @arguments) = @_; return $server->run(0, $server->psql('-U', $role, '-qX', '-v', 'ON_ERROR_STOP=1', @arguments)) }
sub scimctl { return Scim::Process::run([$server->scimctl(@_)]) }
sub lines { my ($what) = @_; return scalar(() = error_log() =~ /$what/g) }

# A new database with the tables of a file, and the organization acme; httpd must not
# remember another one.
sub database {
    my ($file) = @_;
    $server->stop_httpd;
    my $owner = $file eq 't/schema/5.sql' ? 'scim' : 'scim_owner';
    $server->run(0, $server->psql('-U', 'postgres', '-d', 'postgres', '-qX', map { ('-c', $_) } 'DROP DATABASE IF EXISTS scim WITH (FORCE)', "CREATE DATABASE scim OWNER $owner ENCODING 'UTF8' TEMPLATE template0"));
    run($owner, '-f', "$ROOT/$file");
    $server->start_httpd;
    $server->{pguser} = $owner;
    return organization(key => 'acme', profile => 'open');
}
sub apply { $server->{pguser} = 'scim_owner'; run('postgres', '-f', "$ROOT/roles.sql"); return run('scim_owner', '-f', "$ROOT/schema.sql") }

sub as_person { my ($name, $path, $method, $body) = @_; return Scim::Test::http()->request($method // 'GET', $path, [Authorization => 'Basic ' . MIME::Base64::encode("$name:x", ''), Origin => $server->{url}, ($body ? ('Content-Type' => 'application/json') : ())], $body) }
sub api { my ($org, $path, @how) = @_; return as_person($org->{issuer_name}, "/organizations/acme/api/$path", @how) }
sub gate { my ($name, $location) = @_; return as_person($name, "/gate-$location/")->{status} }

# An answer without what differs in each run: ids by their order, no times, no cursors.
# Nor has it the type of a resource: the old tables do not know it of what was refused.
sub alike {
    my ($text, $seen) = @_;
    $text =~ s/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/$seen->{$1} ||= 'id' . keys %$seen/ge;
    $text =~ s/\d{4}-\d\d-\d\dT[\d:.]+Z/TIME/g;
    $text =~ s/"(?:token|prefix|(?:next|previous)(?:Cursor)?|sequence|position|id|before)": ?(?:"(?!id)[^"]+"|\d+)/-/g;
    $text =~ s/"resourceType": ?(?:null|"\w+"),?//g;
    $text =~ s/^\d+(?=  )//mg;
    $text =~ s/scim_[0-9a-f]{6}|127\.0\.0\.1:\d+/-/g;
    return $text;
}

# What the version before could do: pairs of what was done and what came of it.
# Only the new tables have a place for the note that a deleted token is still used,
# which is made after the answer.  A process drops it while it does another errand:
# then it is used once more, as it would be.
sub forget_note {
    my ($use) = @_;
    return if !(sql(q{SELECT to_regclass('scim.deleted_token')}))[0][0];
    my $is_noted = sub { (sql('SELECT count(*) FROM scim.refusal WHERE status = 401'))[0][0] };
    Scim::Process::until_true(3, $is_noted) or $use->() for 1 .. 3;
    Scim::Server::wait_until('the deleted token is noted', 10, $is_noted);
    sql('DELETE FROM scim.refusal WHERE status = 401');
    sql('UPDATE scim.deleted_token SET refused_at = NULL');
    return;
}

sub story {
    my ($org) = @_;
    my (@told, %seen);
    my $tell = sub {
        my ($what, $r) = @_;
        push @told, [alike($what, \%seen), ref $r eq 'HASH' && exists $r->{content} ? "$r->{status} " . alike($r->{content} // '', \%seen) : alike($r, \%seen)];
        return $r;
    };
    my $user = $tell->('create', $org->post('/Users', { schemas => [CORE], userName => 'anna@example.com', displayName => 'Anna', externalId => 'x1', title => 'T', roles => [{ value => 'USER', primary => TRUE }], emails => [{ value => 'anna@example.com', primary => TRUE }] }))->{json};
    $tell->('create again', $org->post('/Users', { userName => 'ANNA@example.com' }));
    $tell->("create $_", $org->post('/Users', { userName => "$_\@example.com", displayName => $_, title => "T $_" })) for qw(ben cleo dora);
    $tell->('patch', $org->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'New' }, { op => 'replace', path => 'active', value => FALSE }));
    $tell->('replace', $org->put("/Users/$user->{id}", { schemas => [CORE], userName => 'anna@example.com', displayName => 'Anna B', externalId => 'x1', active => TRUE, roles => [{ value => 'USER', primary => TRUE }] }));
    $tell->('get', $org->get("/Users/$user->{id}"));
    $tell->("GET $_", $org->get($_)) for '/Users?count=2', '/Users?sortBy=userName&startIndex=2', '/Users?filter=' . uri('title co "t" and active eq true') . '&sortBy=displayName&sortOrder=descending',
        '/Users?filter=' . uri('emails.value eq "x@example.com" or externalId eq "x1"'), '/Users?filter=userName+eq+%22ben@example.com%22', '/Users?attributes=groups', '/Users?filter=broken', '/Users/none', '/Users/6c4b0e4e-0000-4000-8000-000000000000',
        '/Roles', '/Roles/USER', '/ServiceProviderConfig', '/Schemas', '/ResourceTypes', '/?count=3&sortBy=userName', '/?filter=' . uri('displayName sw "A"'), '/Nothing';
    for my $path ('/Users?sortBy=userName', '/?sortBy=displayName') {
        my $page = $tell->("first page of $path", $org->get("$path&count=3&cursor="));
        $page = $tell->("next page of $path", $org->get("$path&count=3&cursor=" . uri($page->{json}{nextCursor}))) while $page->{json}{nextCursor};
    }
    $tell->('cursor', $org->get('/?cursor=Group.forged'));
    $tell->("search $_", $org->post($_, { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], filter => 'title sw "T"', sortBy => 'userName' })) for '/Users/.search', '/.search';
    $tell->('bulk', $org->post('/Bulk', { schemas => [BULK], Operations => [
        (map { { method => 'POST', path => '/Users', bulkId => $_, data => { schemas => [CORE, ENT], userName => "$_\@example.com", displayName => $_, ENT() => { manager => { value => 'bulkId:emma' } } } } } qw(emma fred)),
        { method => 'PATCH', path => "/Users/$user->{id}", data => { schemas => [PATCHOP], Operations => [{ op => 'add', path => 'nickName', value => 'A' }] } },
        { method => 'DELETE', path => '/Users/' . $org->get('/Users?filter=userName+eq+%22ben@example.com%22')->{json}{Resources}[0]{id} }] }));
    $tell->('delete', $org->delete('/Users/' . $org->get('/Users?filter=userName+eq+%22cleo@example.com%22')->{json}{Resources}[0]{id}));
    $tell->('the issuer', $org->patch_ops($org->{issuer}, { op => 'replace', path => 'active', value => FALSE }));
    $tell->('no organization', $org->get('/Users', token => 'scim_' . '0' x 64));
    my $token = $tell->('generate a token', api($org, 'tokens', 'POST', '{"name": "second"}'));
    $token = JSON::PP::decode_json($token->{content});
    $tell->('with it', $org->get('/Users?count=1', token => $token->{token}));
    $tell->('delete it', api($org, "tokens/$token->{id}", 'DELETE'));
    my $use = sub { $org->get('/Users?count=1', token => $token->{token}) };
    $tell->('without it', $use->());
    forget_note($use);
    $tell->("settings $_", api($org, 'settings', 'PUT', qq({"enabled": $_}))) for 'false', 'true';
    $tell->("page $_", api($org, $_)) for 'settings', 'members', 'members?search=anna&role=USER', 'members?search=dor', "members/$user->{id}", "member-groups/$user->{id}", 'counts', 'activity', 'activity?outcome=changed&count=3',
        'activity?outcome=refused', 'activity?outcome=warning', 'activity?outcome=guest', 'members?drift=never', 'members?drift=duplicates', 'members?drift=domains', 'activity?account=anna@example.com', 'activity?account=ben@example.com', 'activity?account=ann', 'activity?account=dor',
        'activity?actor=tes&kind=created,role&since=2020-01-01', 'activity?kind=token,organization', 'activity?kind=changed&actor=test', 'activity?until=2020-01-01', "activity?account=$user->{id}&outcome=changed";
    $tell->("gate $_->[0] $_->[1]", gate($_->[0], $_->[1])) for map { my $who = $_; map { [$who, $_] } qw(account role told) } 'anna@example.com', 'dora@example.com', 'nobody@example.com';
    Scim::Server::write_file("$server->{dir}/people.csv", "userName,displayName\nhugo\@example.com,Hugo\n");
    $tell->('import', do { my $done = scimctl(qw(account import acme), "$server->{dir}/people.csv"); "$done->{status} $done->{out}$done->{err}" });
    $tell->("scimctl @$_", do { my $done = scimctl(@$_); "$done->{status} $done->{out}$done->{err}" }) for [qw(org list)], [qw(org show acme)], [qw(token list acme)], [qw(account list acme)], [qw(account show acme anna@example.com)],
        [qw(activity list acme)], [qw(activity list acme --account anna@example.com --json)], [qw(events acme --json)], [qw(events --after 0)], [qw(relay list)], [qw(relay list --json)];
    return @told;
}

sub needs_upgrade {
    my ($r, $name) = @_;
    is_error($r, 503, undef, $name);
    like $r->{json}{detail}, qr/^This is not available until the operator of this server has upgraded its database \(scimctl db upgrade\)\./, 'which says who has to do what';
    return like $r->{headers}{'retry-after'} // '', qr/^[1-9]\d*$/, 'with Retry-After';
}

# Alike
my $org = database('schema.sql');
my @new = story($org);
my $conf = $server->{conf};
for my $way (['t/schema/5-roles.sql', "SCIMPreparedStatements Off\n"], ['t/schema/5.sql', '']) {
    my ($file, $more) = @$way;
    $server->{conf} = "$conf$more";
    $org = database($file);
    my @old = story($org);
    is_deeply $old[$_], $new[$_], "on the tables of $file as on new ones: $new[$_][0]" for 0 .. $#new;
}
is lines(qr/SCIM0080|SCIM0110/), 0, 'the log has nothing to say of that';

# What needs newer tables
my $user = $org->get('/Users?filter=externalId+eq+%22x1%22')->{json}{Resources}[0];
needs_upgrade($org->get($_), "GET $_ needs an upgrade") for '/Groups', "/Groups/$user->{id}", '/Groups?filter=displayName+eq+%22Sales%22', '/Users?filter=groups.value+eq+%22' . $user->{id} . '%22';
my %sales = (schemas => [$GROUP], displayName => 'Sales', members => [{ value => $user->{id} }]);
needs_upgrade($org->post('/Groups', \%sales), 'so does a creation');
needs_upgrade($org->put("/Groups/$user->{id}", \%sales), 'a replacement');
needs_upgrade($org->patch("/Groups/$user->{id}", { schemas => [PATCHOP], Operations => [{ op => 'remove', path => 'members' }] }), 'a change');
needs_upgrade($org->delete("/Groups/$user->{id}"), 'and a deletion');
is lines(qr/SCIM0110: GET \/open\/acme\/v2\/Groups is not served: \Q$NEEDS\E$/m), 1, 'the log says once a minute what to do';
my $bulk = $org->post('/Bulk', { schemas => [BULK], Operations => [{ method => 'POST', path => '/Groups', bulkId => 'g', data => \%sales }, { method => 'POST', path => '/Users', bulkId => 'u', data => { schemas => [CORE], userName => 'gina@example.com', displayName => 'G' } }] });
is_deeply [map { $_->{status} } @{ $bulk->{json}{Operations} }], [503, 201], 'a bulk request goes on with what is no group';
my $page = api($org, 'groups');
is $page->{status}, 503, 'the tab Groups of the settings page';
like $page->{content}, qr/upgraded its database \(scimctl db upgrade\)/, 'tells the administrator the same';
is gate('anna@example.com', 'group'), 403, 'Require scim-group lets nobody in';
is lines(qr/SCIM0111: Require scim-group denies everybody, and SCIMGateGroups tells no group: \Q$NEEDS\E$/m), 2, 'and the log says why, once for each of these databases';
for my $command ([qw(org pause acme)], [qw(group list acme)], [qw(group show acme Sales)], [qw(relay skip none)], [qw(org export acme)], [qw(org delete acme --yes)],
                 [qw(event purge --older-than 1)], [qw(account export acme anna@example.com)], [qw(account forget acme anna@example.com --yes)]) {
    is_deeply [@{ scimctl(@$command) }{qw(status out err)}], [1, '', "scimctl: $NEEDS.\n"], "scimctl @$command: one line says what to run";
}
is lines(qr/SCIM0080/), 0, 'nothing else is out of service';
run('postgres', '-c', 'ALTER SCHEMA scim RENAME TO elsewhere');
sleep 1.1;      # then the version is asked again
like $org->get('/Users?count=1')->{json}{detail}, qr/^The service is being maintained\. Please try again later\. Request id \w+\.$/, 'a database that lost its tables is not called one of the version before';
run('postgres', '-c', 'ALTER SCHEMA elsewhere RENAME TO scim');
Scim::Server::wait_until('the tables are found again', 10, sub { $org->get('/Users?count=1')->{status} == 200 });
my $unfit = lines(qr/SCIM0080/);

# Upgraded under load, with a relay
my $port = Scim::Server::free_port();
my ($secret, $received, $said) = ('whsec_' . MIME::Base64::encode('x' x 32, ''), "$server->{dir}/received", "$server->{dir}/relay");
Scim::Server::write_file($_, '') for $received, $said;
Scim::Server::write_file("$server->{dir}/secret", "$secret\n");
chmod 0600, "$server->{dir}/secret";
my $receiver = Scim::Process->start(['node', "$ROOT/t/browser/webhooks.mjs", $port, $secret, $received], out => "$server->{dir}/receiver", err => 'out');
Scim::Server::wait_until('the receiver', 30, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });
my $relay = Scim::Process->start([$server->scimctl('relay', 'acme', '--url', "http://127.0.0.1:$port/hook", '--secret-file', "$server->{dir}/secret", '--name', 'test')], out => $said, err => 'out');
sub position { my ($row) = sql('SELECT sequence FROM scim.relay'); return $row ? $row->[0] : 0 }
sub relayed { open my $in, '<', $received or die "$received: $!"; return map { $_->{event}{sequence} } grep { $_->{status} == 204 } map { JSON::PP::decode_json($_) } grep { /\n\z/ } <$in> }

$org->get('/Users?count=1');
Scim::Server::wait_until('the relay has begun', 20, sub { position() > 0 });
my %old = map { $_ => $org->get("$_?count=2&cursor=")->{json}{nextCursor} } '/Users', '/';
is $org->get("$_?count=2&cursor=" . uri($old{$_}))->{status}, 200, "a cursor of $_" for sort keys %old;
my $journal = Scim::Journal->start($org, writers => 6);
$journal->wait_for(100);
apply();
my $upgraded = time;
my @waited;
do { push @waited, $org->post('/Groups', \%sales); sleep 0.05 } while $waited[-1]{status} == 503 && time < $upgraded + 20;
is $waited[-1]{status}, 201, 'when the tables are upgraded under load, groups are served by themselves';
cmp_ok time - $upgraded, '<', 10, 'soon';
my $group = $waited[-1]{json};
$journal->wait_for(100);
my $audit = $journal->stop->audit(undef, others => 1);
is_deeply $audit->faults, {}, 'nothing was lost or wrong' or diag explain $audit->faults;
is $audit->count('unanswered'), 0, 'every request was answered';
cmp_ok $audit->count('unavailable'), '<=', $audit->count('acknowledged') / 100, 'hardly any with 503';
cmp_ok $audit->{slowest}, '<', 2, 'nobody waited for two seconds';
sleep 1.1;      # each connection has asked for the version again
is_deeply [map { $_->{value} } @{ $org->get("/Users/$user->{id}")->{json}{groups} }], [$group->{id}], 'each User has its groups';
is_error($org->get("$_?count=2&cursor=" . uri($old{$_})), 400, 'expiredCursor', "a cursor of $_ from before the upgrade has ended") for sort keys %old;
is gate('anna@example.com', 'group'), 404, 'Require scim-group lets the member in, to where nothing is';
is scimctl(qw(group list acme))->{status}, 0, 'scimctl has groups';
is_deeply [error_log() =~ /SCIM0001: 500[^\n]*/g], [], 'no request was answered 500';
is lines(qr/SCIM0080/), $unfit, 'the service was never interrupted';
is lines(qr/SCIM0070/), 0, 'and no statement was prepared twice';

$org->create;   # by now the relay knows of the new tables
my @stored = map { $_->[0] } sql('SELECT sequence FROM scim.event WHERE organization_id = $1 ORDER BY transaction_id, sequence', $org->{id});
Scim::Server::wait_until('the relay has sent all', 60, sub { position() == $stored[-1] });
is_deeply [relayed()], \@stored, 'the relay has sent each event once and in order, over the upgrade';
is_deeply [sql('SELECT r.history = e.history, r.transaction_id = e.transaction_id FROM scim.relay r JOIN scim.event e ON e.sequence = r.sequence')], [['t', 't']], 'its row is as the new tables have it';
$_->stop for $relay, $receiver;

# The texts before, as they are used for up to a second after an upgrade.
sub awk { my ($to) = @_; return Scim::Process::run(['awk', '-v', "to=$to", '-f', 'storage/statements.awk', 'storage/statements.sql'])->{out} }
sub answered {
    my ($to, $name, @values) = @_;
    my $done = Scim::Process::run([$server->psql('-U', 'scim', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-f', '-')],
        input => awk($to) . "EXECUTE \"$name\"(" . join(', ', map { defined ? "'$_'" : 'NULL' } @values) . ');');
    return $done->{out} . $done->{err};
}
my ($hash) = map { $_->[0] } sql('SELECT hash FROM scim.token WHERE id = $1', $org->{token_id});
for my $what (['AUTHENTICATE', 'acme', $hash], ['AUTHENTICATE_CREATOR', 'acme', $hash], 
              (map { my ($name, $kinds, $actors, $accounts) = @$_; [$name, $org->{id}, undef, undef, 20, undef, undef, $kinds, $actors, $accounts, '{}', 20000, undef, 0, 999, '{}', undef] }
                  ['ACTIVITY'], ['ACTIVITY', '{urn:mod_scim:event:token:delete}'], ['ACTIVITY_OF_RESOURCES', undef, undef, "{$user->{id}}"], ['ACTIVITY_OF_KINDS', '{urn:mod_scim:event:token:delete}'],
                  ['ACTIVITY_OF_ACTORS', undef, '{test}'], ['ACTIVITY_OF_ACTORS', '{urn:mod_scim:event:role:guest}', '{test}']),
              ['ACTIVITY_BETWEEN', $org->{id}, '2020-01-01', undef], ['ACTIVITY_SUBJECTS', $org->{id}, 'anna'], ['FEED', 0, 0, 0], ['FEED_OF_ORGANIZATION', 0, 0, 0, $org->{id}],
              ['FEED_POSITION', 20], ['FEED_POSITION_BEFORE', 999999999, 20, $org->{id}], ['FEED_POSITION_IN_ORGANIZATION', $stored[-1], $org->{id}], ['PERSON_BY_USER_NAME', 'acme', 'anna@example.com']) {
    my $answer = answered('psql', @$what);
    is answered('before', @$what), $answer, "$what->[0]: the text before gives the same on new tables";
    isnt $answer, '', 'which is something';
}
done_testing;
