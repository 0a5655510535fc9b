# SPDX-License-Identifier: Apache-2.0
# scimctl org move, step by step: what it refuses, who cannot write meanwhile, and what
# becomes of a move that is killed.  t/77-cells.t moves under load.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use File::Temp ();
use JSON::PP ();
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

my $here = own_server();           # it counts sequences
my $there = Scim::Server->new(dir => File::Temp::tempdir('scim-there-XXXXXX', TMPDIR => 1, CLEANUP => 1), initdb => ['--locale-provider=icu', '--icu-locale=en-US']);
$there->prepare_folders;
$there->start_database;
END { my $status = $?; $there->stop_database if $there; $? = $status }
my $TO = "host=$there->{pghost} dbname=scim user=scim_owner";

sub at {
    my ($server, @arguments) = @_;
    my $done = Scim::Process::run([$server->scimctl(map { encode_utf8($_) } @arguments)]);
    return ($done->{status}, $done->{out}, decode_utf8($done->{err}));
}
sub sql_at {
    my ($server, $statement) = @_;
    my $done = Scim::Process::run([$server->psql('-qAtX', '-F', "\t", '-v', 'ON_ERROR_STOP=1', '-c', $statement)]);
    die $done->{err} if $done->{status};
    return map { [split /\t/, decode_utf8($_), -1] } split /\n/, $done->{out};
}
sub move { my ($of, @more) = @_; return at($here, 'org', 'move', $of->{key}, '--to', $TO, @more) }
sub done {
    my ($name, @answer) = @_;
    return is $answer[0], 0, $name || diag $answer[2];
}
sub refused {
    my ($message, $name, @answer) = @_;
    is $answer[0], 1, "$name: exit status 1";
    return like $answer[2], $message, $name;
}
# Its move_side here and there; undef: it is not there.
sub sides {
    my ($of) = @_;
    return [map { my ($row) = sql_at($_, "SELECT coalesce(move_side, '-') FROM scim.organization WHERE id = '$of->{id}'"); $row ? $row->[0] : undef } $here, $there];
}
sub rows_in { my ($server, $of) = @_; return [map { (sql_at($server, "SELECT count(*) FROM scim.$_ WHERE organization_id = '$of->{id}'"))[0][0] } qw(account user_group membership token event)] }
sub kinds { my ($server, $of) = @_; return map { $_->[0] =~ s/.*:event://r } sql_at($server, "SELECT kind FROM scim.event WHERE organization_id = '$of->{id}' AND account_id IS NULL AND resource_type IS NULL ORDER BY sequence") }

# An organization with a few accounts, groups and events.
sub filled {
    my ($accounts) = @_;
    my $of = organization();
    sql(q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT $1, 'user' || n || '@example.com', 'User ' || n FROM generate_series(1, $2::int) n;
          INSERT INTO scim.user_group (organization_id, display_name) VALUES ($1, 'Everybody');
          INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT a.organization_id, g.id, a.id FROM scim.account a JOIN scim.user_group g USING (organization_id) WHERE organization_id = $1;
          INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version) SELECT organization_id, id, 'urn:ietf:params:scim:event:prov:create:full', 'operator', 'test', 1
          FROM scim.account WHERE organization_id = $1}, $of->{id}, $accounts);
    return $of;
}
# A session of psql that holds a lock until it ends.
sub holding {
    my ($server, $statement) = @_;
    my $psql = Scim::Process->start([$server->psql('-qAtX')], in => 'pipe', out => 'pipe');
    $psql->say("BEGIN; $statement; SELECT 'held';");
    until (($psql->line // die "$statement\n") eq 'held') { }
    return $psql;
}
# Runs the command against such a lock, and kills it when it waits there.
sub killed_at {
    my ($server, $statement, @command) = @_;
    my $lock = holding($server, $statement);
    my $process = Scim::Process->start([$here->scimctl(@command)], out => '/dev/null', err => '/dev/null');
    Scim::Process::until_true(30, sub { (sql_at($server, q{SELECT count(*) FROM pg_locks WHERE NOT granted}))[0][0] > 0 }) or die "it does not wait for $statement\n";
    kill KILL => $process->{pid};
    $process->wait;
    return $lock;
}
sub set_at { my ($server, $of, $title) = @_; return (at($server, 'account', 'set', $of->{key}, $of->{issuer_name}, "title=$title"))[0] }

my $org = filled(50);
my $other = filled(3);

# Refusals: nothing is changed
my $before = [rows_in($here, $org), sides($org)];
is_deeply [(at($here, 'org', 'move', $org->{key}))[0, 2]], [2, "scimctl: org move needs --to CONNINFO.\nTry \"scimctl org move --help\".\n"], 'no other database';
refused(qr/--to is the same database as --db/, 'the same database', at($here, 'org', 'move', $org->{key}, '--to', "host=$here->{pghost} dbname=scim user=scim_owner"));
refused(qr/no connection to the database of --to.*\n.*No such file/s, 'one that is not there', at($here, 'org', 'move', $org->{key}, '--to', 'host=/nonexistent dbname=scim'));
refused(qr/There is no organization 'nobody'/, 'an organization that is not there', at($here, 'org', 'move', 'nobody', '--to', $TO));
refused(qr/database of --to does not let the role 'scim' move organizations: connect to it as scim_owner/, 'a role that may not there', at($here, 'org', 'move', $org->{key}, '--to', $TO =~ s/scim_owner/scim/r));
{
    my $done = Scim::Process::run([Scim::Server::scimctl_program(), '--db', "host=$here->{pghost} dbname=scim user=scim", 'org', 'move', $org->{key}, '--to', $TO]);
    refused(qr/database of --db does not let the role 'scim'/, 'nor here', @$done{qw(status out err)});
}
sql_at($there, 'INSERT INTO scim.schema_version (version, needs) VALUES (99, 99)');
refused(qr/The database of --to: .*version 99/, 'tables of another version', move($org));
sql_at($there, 'DELETE FROM scim.schema_version WHERE version = 99');
sql_at($there, "INSERT INTO scim.organization (key, name) VALUES ('$org->{key}', 'Somebody else')");
refused(qr/Another organization has the key '$org->{key}'.*rename/, 'a key that is taken there', move($org));
sql_at($there, "UPDATE scim.organization SET key = 'x', id = '$org->{id}'");
refused(qr/'$org->{key}' is in the database of --to already/, 'an id that is there', move($org));
sql_at($there, 'DELETE FROM scim.organization');
sql_at($there, 'ALTER DATABASE scim SET default_transaction_read_only = on');
refused(qr/database of --to takes no changes.*primary/, 'a standby', move($org));
Scim::Process::run([$there->psql('-qX', '-d', 'postgres', '-c', 'ALTER DATABASE scim RESET default_transaction_read_only')]);
refused(qr/exclude each other/, 'two steps at once', move($org, '--finish', '--cancel'));
refused(qr/no copy of '$org->{key}'.*without --finish first/, 'finishing what was not begun', move($org, '--finish'));
refused(qr/is not moving away/, 'cancelling what was not begun', move($org, '--cancel'));
my ($status, $out, $err) = move($org, '--dry-run');
is $status, 0, '--dry-run' or diag $err;
like $out, qr/ready to move.*\naccounts +51\n.*Nothing was changed/s, 'it says what would move';
is_deeply [rows_in($here, $org), sides($org)], $before, 'nothing of all these has changed anything';
is $org->get('/Users?count=1')->{status}, 200, 'and SCIM goes on';

# One step after the other
my ($user) = @{ $org->get('/Users?filter=' . uri('userName eq "user1@example.com"'))->{json}{Resources} };
my $cursor = $org->get('/Users?cursor&count=10')->{json}{nextCursor};
sql(q{UPDATE scim.organization SET guard_number = 7 WHERE id = $1}, $org->{id});
done('org move', ($status, $out, $err) = move($org));
like $out, qr/is copied.*\naccounts +51\n.*\nmembers +51\n.*--finish.*--cancel/s, 'it says what comes next';
is_deeply sides($org), [qw(leaving arriving)], 'it takes no writes in either database';
is_deeply [map { $_->[0] } sql_at($there, "SELECT count(*) FROM scim.account WHERE organization_id = '$org->{id}'")], [51], 'the accounts are there';
for my $case ([GET => '/Users'], [PATCH => "/Users/$user->{id}", { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => 'x' }] }],
              [POST => '/Bulk', { schemas => [BULK], Operations => [{ method => 'DELETE', path => "/Users/$user->{id}" }] }], [DELETE => "/Users/$user->{id}"]) {
    my ($method, $path, $body) = @$case;
    my $r = $org->request($method, $path, body => $body);
    is_error($r, 503, undef, "$method $path is put off");
    is $r->{headers}{'retry-after'}, 300, 'for five minutes';
}
sub page {
    my ($method, $path, $body) = @_;
    return Scim::Test::http()->request($method, "/organizations/$org->{key}/$path", [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => server()->{url},
        $body ? ('Content-Type' => 'application/json') : ()], $body && JSON::PP->new->canonical->encode($body));
}
is page(GET => 'api/settings')->{status}, 200, 'the settings page shows the organization';
for my $case ([PATCH => "api/members/$user->{id}", { active => FALSE }], [PUT => 'api/settings', { state => 'enabled' }], [POST => 'api/tokens', { name => 'new' }]) {
    my ($method, $path, $body) = @$case;
    my $r = page(@$case);
    is $r->{status}, 503, "and $method $path is put off" or diag $r->{content};
    like $r->{content}, qr/being moved to another database/, 'it says why';
}
refused(qr/being moved to another database/, "scimctl $_->[0] $_->[1]", at($here, @$_)) for (map { ['org', $_, $org->{key}] } qw(resume pause enable disable)),
    ['org', 'rename', $org->{key}, '--key', 'elsewhere'], ['org', 'domains', $org->{key}, 'example.com'], ['org', 'guard', $org->{key}, '--off'],
    ['account', 'set', $org->{key}, $org->{issuer_name}, 'title=x'], ['token', 'delete', $org->{key}, 'test'];
refused(qr/finish or cancel that first/, 'org delete here', at($here, 'org', 'delete', $org->{key}, '--yes'));
refused(qr/being moved/, 'and nobody writes there', at($there, 'account', 'set', $org->{key}, $org->{issuer_name}, 'title=x'));
like +(at($here, 'org', 'show', $org->{key}))[1], qr/paused/, 'it is shown as paused';
like +(at($here, 'check'))[1], qr/\b\Q$org->{key}\E \(leaving\).*org move finishes or cancels/s, 'and check says that it moves';
is set_at($here, $other, 'x'), 0, 'another organization is not concerned';
done('once more', ($status, $out, $err) = move($org));
like $out, qr/is copied/, 'it is still copied';

# Cancelled: as before
done('org move --cancel', ($status, $out, $err) = move($org, '--cancel'));
is_deeply sides($org), ['-', undef], 'it is here alone';
is set_at($here, $org, 'back'), 0, 'and takes writes';
is $org->get('/Users')->{status}, 200, 'also from tokens';

# Rows that were changed by SQL
done('org move', move($org));
sql(q{UPDATE scim.account SET display_name = 'Changed' WHERE id = $1}, $user->{id});
refused(qr/not the same any more \(accounts, 51 here and 51 there\): rows were changed by SQL/, 'a change by SQL is noticed before it is lost', move($org, '--finish'));
is_deeply sides($org), [qw(leaving arriving)], 'nothing was finished';
done('org move once more', move($org));
is_deeply [sql_at($there, "SELECT display_name FROM scim.account WHERE id = '$user->{id}'")], [['Changed']], 'copies it again';

# Finished
my ($position) = map { JSON::PP::decode_json($_)->{position} } (split /\n/, (at($here, '--json', 'events', $org->{key}))[1])[-1];
($status, $out, $err) = move($org, '--json', '--finish');
is "$status$err", '0', 'org move --finish';
is_deeply JSON::PP::decode_json($out), { id => $org->{id}, key => $org->{key}, state => 'moved' }, 'as JSON';
is_deeply sides($org), ['left', '-'], 'it takes writes there';
is set_at($there, $org, 'there'), 0, 'such as this one';
isnt set_at($here, $org, 'here'), 0, 'and none here';
is_error($org->get('/Users'), 503, undef, 'a request that comes here is still put off');
is +(kinds($here, $org))[-1], 'organization:move', 'the last event here is the move';
is_deeply [(kinds($there, $org))[-3 .. -1]], [qw(organization:move organization:import organization:move)], 'and there, it has come';
my @news = map { JSON::PP::decode_json($_)->{kind} =~ s/.*:event://r } split /\n/, (at($there, '--json', 'events', $org->{key}, '--after', $position))[1];
is_deeply \@news, [qw(organization:import organization:move prov:patch:full)], 'a reader from here gets there what is new';
is_deeply [sql_at($there, "SELECT guard_number, provisioning_enabled, provisioning_paused FROM scim.organization WHERE id = '$org->{id}'")], [[7, 't', 'f']], 'what it was set to is as before';
done('--finish once more', move($org, '--finish'));
# As after a failover to an asynchronous standby
is_deeply [sql_at($here, "SELECT move_id IS NULL FROM scim.organization WHERE id = '$org->{id}'")], [['t']], 'here, the move has ended';
sql(q{UPDATE scim.organization SET move_side = 'leaving', move_id = $2 WHERE id = $1}, $org->{id}, (sql_at($there, "SELECT move_id FROM scim.organization WHERE id = '$org->{id}'"))[0][0]);
refused(qr/takes writes in the other database: run this command with --finish/, 'cancelling what was finished there', move($org, '--cancel'));
done('finishing it', move($org, '--finish'));
is_deeply sides($org), ['left', '-'], 'makes the best of it';
refused(qr/has been moved already/, 'moving it again from here', move($org));
refused(qr/may have been changed in the other database/, 'cancelling it', move($org, '--cancel'));
done('org delete, of what is left here', at($here, 'org', 'delete', $org->{key}, '--yes'));
is_deeply sides($org), [undef, '-'], 'it is there alone';
done('and back', at($there, 'org', 'move', $org->{key}, '--to', "host=$here->{pghost} dbname=scim user=scim_owner"));
done('with its end', at($there, 'org', 'move', $org->{key}, '--to', "host=$here->{pghost} dbname=scim user=scim_owner", '--finish'));
is_deeply sides($org), ['-', 'left'], 'it is here again';
sql_at($there, "UPDATE scim.organization SET move_id = '" . (sql_at($here, "SELECT move_id FROM scim.organization WHERE id = '$org->{id}'"))[0][0] . "' WHERE id = '$org->{id}'");
refused(qr/no copy of '$org->{key}'/, 'what has come from there is no copy of a move to there', move($org, '--finish'));
refused(qr/being moved to another database: finish that first/, 'what its move has left there, without knowing the end', at($there, 'org', 'delete', $org->{key}, '--yes'));
done('--finish once more', at($there, 'org', 'move', $org->{key}, '--to', "host=$here->{pghost} dbname=scim user=scim_owner", '--finish'));
is $org->get("/Users/$user->{id}")->{status}, 200, 'and its token is good';
like $org->get("/Users?cursor=$cursor&count=10")->{json}{scimType}, qr/^(?:expired|invalid)Cursor$/, 'a cursor from before is not';
done('what is left there goes', at($there, 'org', 'delete', $org->{key}, '--yes'));

# Two databases: the latest copy alone takes writes
my $torn = filled(3);
Scim::Process::run([$there->psql('-U', 'postgres', '-d', 'postgres', '-qX', '-c', 'CREATE DATABASE third TEMPLATE scim OWNER scim_owner')]);
my @third = ('org', 'move', $torn->{key}, '--to', $TO =~ s/dbname=scim/dbname=third/r);
done('a copy in one database', move($torn));
done('and one in another', at($here, @third));
refused(qr/no copy of '$torn->{key}'.*without --finish first/, 'the first one counts no more', move($torn, '--finish'));
is_deeply sides($torn), [qw(leaving arriving)], 'and takes no writes';
sql(q{UPDATE scim.organization SET move_side = 'left' WHERE id = $1}, $torn->{id});
refused(qr/is not in the database of --to: name the one to which it was moved/, 'nor when there is no way back', move($torn, '--finish'));
refused(qr/does not come back: run this command with --finish/, 'a move that has not ended', move($torn));
refused(qr/being moved to another database: finish that first/, 'does not let the organization be deleted here', at($here, 'org', 'delete', $torn->{key}, '--yes'));
done('the latest one does', at($here, @third, '--finish'));
done('as it says again', at($here, @third, '--finish'));
refused(qr/is not in the database of --to/, 'and the other one does not', move($torn, '--finish'));
is_deeply sides($torn), [qw(left arriving)], 'at no time';
done('it is deleted here', at($here, 'org', 'delete', $torn->{key}, '--yes'));

# A state that is not enabled is kept
sql(q{UPDATE scim.organization SET provisioning_enabled = false WHERE id = $1}, $other->{id});
done('an organization that is disabled moves', move($other));
is_error($other->get('/Users'), 403, undef, 'and stays it meanwhile');
done('also at the end', move($other, '--finish'));
is_deeply [sql_at($there, "SELECT provisioning_enabled FROM scim.organization WHERE id = '$other->{id}'")], [['f']], 'and there';

# Killed: both databases never take writes, and the same command goes on
my $move = sub { return 'org', 'move', $_[0]{key}, '--to', $TO };
my $victim = filled(300);
my $all = rows_in($here, $victim);
my $lock = killed_at($here, "SELECT pg_advisory_xact_lock_shared(scim.move_lock('$victim->{id}'))", $move->($victim));
is_deeply sides($victim), ['-', undef], 'killed while it waits for a write: nothing has begun';
$lock->stop;
done('cancelling it', move($victim, '--cancel')) if Scim::Process::until_true(5, sub { sides($victim)->[0] eq 'leaving' });
is set_at($here, $victim, 'one'), 0, 'here it takes writes';

$all = rows_in($here, $victim);
$lock = killed_at($there, 'LOCK TABLE scim.membership IN SHARE MODE', $move->($victim));
is_deeply sides($victim), ['leaving', undef], 'killed while it copies: nothing is there';
isnt set_at($here, $victim, 'two'), 0, 'and here it takes no writes';
$lock->stop;
done('it goes on', move($victim));
is_deeply sides($victim), [qw(leaving arriving)], 'and is copied';
$all->[4] += 2;                    # its beginning, and the import
is_deeply rows_in($there, $victim), $all, 'completely';

sql(q{UPDATE scim.account SET display_name = 'Changed' WHERE organization_id = $1 AND user_name = 'user7@example.com'}, $victim->{id});
$lock = killed_at($there, 'LOCK TABLE scim.account IN SHARE MODE', $move->($victim));
is_deeply sides($victim), [qw(leaving arriving)], 'killed while it deletes a copy that is not good any more';
$lock->stop;
Scim::Process::until_true(10, sub { (sql_at($there, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scimctl' AND state <> 'idle'"))[0][0] == 0 });
refused(qr/There is no copy/, 'what is left of that cannot be finished', move($victim, '--finish'));
$lock = killed_at($there, 'LOCK TABLE scim.account IN SHARE MODE', $move->($victim), '--cancel');
is sides($victim)->[0], 'leaving', 'killed while it cancels: it takes no writes here';
$lock->stop;
done('it goes on from there', move($victim));
is_deeply rows_in($there, $victim), $all, 'and all is there once';

$lock = killed_at($there, "SELECT FROM scim.organization WHERE id = '$victim->{id}' FOR UPDATE", $move->($victim), '--finish');
is_deeply sides($victim), [qw(left arriving)], 'killed between both sides of the end: neither takes writes';
refused(qr/may have been changed/, 'there is no way back', move($victim, '--cancel'));
$lock->stop;
done('--finish goes on', move($victim, '--finish'));
is_deeply sides($victim), ['left', '-'], 'and is done';
is set_at($there, $victim, 'three'), 0, 'it takes writes there';

# The other database is gone
my $last = filled(3);
done('org move', move($last));
$there->stop_database;
refused(qr/no connection to the database of --to/, '--finish without the other database', move($last, '--finish'));
($status, $out, $err) = move($last, '--cancel');
is $status, 0, '--cancel without it' or diag $err;
like $err, qr/If it has a copy of '$last->{key}', that takes no writes: delete it there/, 'it says what may be left';
is set_at($here, $last, 'x'), 0, 'it takes writes here';
$there->start_database;
isnt set_at($there, $last, 'x'), 0, 'and none there';
done('another move replaces that copy', move($last));
done('and is finished', move($last, '--finish'));

done_testing;
