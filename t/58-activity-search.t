# SPDX-License-Identifier: Apache-2.0
# The filters of Activity, on the settings API, as a CSV file and with scimctl: whom
# a text means, who did it, what, and when, alone and together; and that none of them
# reads more than its share of a large organization.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8);
use IO::Select;
use IO::Socket::INET;
use List::Util qw(min);
use MIME::Base64 ();
use Time::HiRes ();
use Scim::Process;
use Scim::Test;

my $LARGE = $ENV{SCIM_TEST_LARGE};
own_server();           # its plans are read
my $org = organization(domains => ['example.com']);
my $WALK = 20_000;      # events of one answer
my $EXPORT_MAX = 1_000_000;     # rows of a file

sub scimctl { return Scim::Process::run([server()->scimctl(@_)]) }
sub answer {
    my ($path, $of) = @_;
    $of //= $org;
    return Scim::Test::http()->request(GET => "/organizations/$of->{key}/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$of->{issuer_name}:x", '')], undef);
}
sub query { my (%q) = @_; return join '&', map { "$_=" . uri($q{$_}) } sort keys %q }
sub list {
    my (%q) = @_;
    my $r = answer('activity?' . query(%q));
    $r->{status} == 200 or die "activity: $r->{status} $r->{content}";
    return JSON::PP::decode_json($r->{content});
}
# What the entries are: the word of the kind, or the outcome, and whose.
sub word { my ($entry) = @_; return ($entry->{kind} ? $entry->{kind} =~ s/.*:event:(?:prov:)?//r : $entry->{outcome}) . ' ' . ($entry->{userName} // $entry->{displayName} // '-') =~ s/\@.*//r }
sub words { return [map { word($_) } @{ list(@_)->{entries} }] }
sub moments { my ($entries) = @_; return map { $_->{at} } @$entries }

# Anna's e-mail address is not her userName; Bert was deleted; nobody ever got in.
my %user = map { $_->{userName} => $org->create(%$_) } (
    { userName => 'a.yamada@example.com', displayName => 'Anna Yamada', name => { familyName => 'Yamada' }, emails => [{ value => 'anna@example.com', primary => TRUE }] },
    { userName => 'bert@example.com', displayName => 'Bert Old', emails => [{ value => 'b.old@example.com', primary => TRUE }] }, { userName => 'annabel@example.com', displayName => 'Annabel Lee' });
my ($anna, $bert, $annabel) = map { $_->{id} } @user{map { "$_\@example.com" } qw(a.yamada bert annabel)};
$org->delete("/Users/$bert");
$org->post('/Users', { userName => 'stranger@elsewhere.example', displayName => 'S' });
my $group = $org->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Tokyo Sales' })->{json}{id};
$org->post('/Groups', { displayName => 'tokyo sales', members => 'x' });

for my $case (['anna@example.com', ['User', $anna], 'an e-mail address that is no userName'], ['ANNA@example.com', ['User', $anna], 'in capitals'],
              ['a.yamada@example.com', ['User', $anna], 'a userName'], ['yamada', ['User', $anna], 'a family name'], [$anna, ['User', $anna], 'an id'],
              ['bert@example.com', ['User', $bert], 'the userName of somebody who was deleted'], ['ert o', ['User', $bert], 'a part of that name'], ['bertold', ['User', $bert], 'that name without its blank'], ['b.old@example.com', ['User', $bert], 'that e-mail address'], [$bert, ['User', $bert], 'the id of that account'],
              ['Tokyo Sales', ['Group', $group], 'a group by its name'], ['okyo', ['Group', $group], 'and by a part of it'], [$group, ['Group', $group], 'and by its id']) {
    my ($text, $whom, $name) = @$case;
    my $list = list(account => $text);
    is_deeply [map { [$_->{type}, $_->{id}] } @{ $list->{subjects} }], [$whom], "$name is found";
    is_deeply [grep { $_->{outcome} eq 'changed' && $_->{resourceId} ne $whom->[1] } @{ $list->{entries} }], [], 'its changes, and no others';
    cmp_ok scalar @{ $list->{entries} }, '>=', 1, 'which there are';
}
is_deeply [map { $_->{displayName} } @{ list(account => 'anna')->{subjects} }], ['Anna Yamada', 'Annabel Lee'], 'a part of two names means both';
is_deeply words(account => 'anna'), ['create:full annabel', 'create:full a.yamada'], 'so both histories are listed';
is_deeply words(account => 'stranger'), ['refused stranger'], 'a part of a userName that was refused';

# Somebody who was refused has a name as well: the one that was sent.
my $people = organization(domains => ['example.com']);
sub of_people { my (%q) = @_; return JSON::PP::decode_json(answer('activity?' . query(%q), $people)->{content})->{entries} }
sub sent_names { return [map { $_->{displayName} } @{ of_people(@_) }] }
my @sent = ([{ displayName => 'Dorothy Vance', name => { formatted => 'Not This' } }, 'Dorothy Vance', 'displayName'], [{ name => { formatted => 'Prof. Grace Brewster', givenName => 'Not', familyName => 'This' } }, 'Prof. Grace Brewster', 'name.formatted'],
    [{ NAME => { GivenName => '修', FamilyName => '橋本' } }, '修 橋本', 'given and family name'], [{ displayName => ' ', name => { familyName => '山田' } }, '山田', 'one of them'], [{ displayName => '高橋 健一' }, '高橋 健一', 'a blank'], [{ displayName => 'Seán O’Neil' }, 'Seán O’Neil', 'an apostrophe'], [{ displayName => 7 }, undef, 'none'], [{ displayName => 'é' x 300 }, 'é' x 256 . '...', 'a long one']);
for my $n (0 .. $#sent) {
    my ($user, $kept, $name) = @{ $sent[$n] };
    is $people->post('/Users', { schemas => [CORE], userName => "wrong$n\@elsewhere.example", %$user })->{status}, 400, "a User with $name in a wrong domain";
    is_deeply [@{ of_people()->[0] }{qw(outcome displayName)}], ['refused', $kept], 'is refused, and the name is kept';
}
$people->post('/Bulk', { schemas => [BULK], Operations => [{ method => 'POST', path => '/Users', bulkId => 'b', data => { userName => 'bulk@elsewhere.example', displayName => 'Katherine Bulk' } }] });
$people->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => 'Dorothy Group', members => 'x' });
is of_people()->[0]{displayName}, undef, 'nothing is kept of a Group';
is_deeply sent_names(account => $_->[0]), $_->[1], "'$_->[0]' finds " . ($_->[2] // 'the refusal')
    for ['Dorothy Vance', ['Dorothy Vance']], ['vance dorothy', ['Dorothy Vance']], ['ROTHY', ['Dorothy Vance']], ['wrong0', ['Dorothy Vance']], ['dorothy elsewhere', ['Dorothy Vance'], 'words of both names'],
        ['橋本 修', ['修 橋本']], ['橋本　修', ['修 橋本']], ['橋', ['高橋 健一', '修 橋本']], ['高橋健一', ['高橋 健一'], 'a name without its blank'], [q(O'Neil), ['Seán O’Neil'], 'another apostrophe'], ['oneil', ['Seán O’Neil'], 'or none'], ['ｄｏｒｏｔｈｙ', ['Dorothy Vance'], 'full-width letters'], ['grace', ['Prof. Grace Brewster']], ['Katherine', ['Katherine Bulk'], 'an operation of a bulk request'],
        ['Dorothy Brewster', [], 'no mixture of two'], ['_', [], 'nothing, for it is no wildcard'];
is_deeply [map { $_->{displayName} } @{ JSON::PP::decode_json(scimctl('--json', 'activity', 'list', $people->{key}, '--account', 'Dorothy Vance')->{out}) }], ['Dorothy Vance'], 'scimctl finds and shows the same';
like scimctl('activity', 'list', $people->{key}, '--account', 'Dorothy Vance')->{out}, qr/ wrong0\@elsewhere\.example +refused 400 /, 'its table has the userName';
like decode_utf8(answer('activity.csv?' . query(account => '橋本'), $people)->{content}), qr/,User,,wrong2\@elsewhere\.example,修 橋本,POST,/, 'so does the CSV file';

# Who is called otherwise now is found by the name of before.
my $emily = $people->create(userName => 'emily.smith@example.com', displayName => 'Emily Smith')->{id};
my $paul = $people->create(userName => 'paul@example.com', displayName => 'Paul Smythe')->{id};
my $iris = $people->create(userName => 'iris@example.com', displayName => 'Iris Smythe')->{id};
$people->patch_ops($emily, { op => 'replace', path => 'displayName', value => 'Emily Novak' }, { op => 'replace', path => 'userName', value => 'emily.novak@example.com' });
$people->patch_ops($paul, { op => 'replace', path => 'displayName', value => 'Paul Newman' });
$people->patch_ops($iris, { op => 'replace', path => 'displayName', value => 'Iris Old' });
$people->delete("/Users/$iris");
sub subjects { my ($text) = @_; return [map { [@$_{qw(id name displayName formerly)}] } @{ JSON::PP::decode_json(answer('activity?' . query(account => $text), $people)->{content})->{subjects} }] }
my @emily = ($emily, 'emily.novak@example.com', 'Emily Novak');
is_deeply subjects($_), [[@emily, 'Emily Smith']], "'$_' finds her, and the answer says what she was called" for 'Emily Smith', 'EMILY SMI', 'ｓｍｉｔｈ', 'EmilySmith';
is_deeply subjects($_), [[@emily, 'emily.smith@example.com']], "so does her old userName, or a part: $_" for 'emily.smith@example.com', 'y.smith';
is_deeply subjects($_), [[@emily, undef]], "'$_', which she is called now, is no old name" for 'Emily Novak', 'emily', 'emily.novak@example.com';
is_deeply subjects('Smythe'), [[$iris, 'iris@example.com', 'Iris Old', undef], [$paul, 'paul@example.com', 'Paul Newman', 'Paul Smythe']], 'somebody who was deleted is found, but not called anything now';
is_deeply [map { word($_) } grep { $_->{kind} } @{ of_people(account => 'Emily Smith') }], ['patch:full emily.novak', 'create:full emily.novak'], 'the history is that of the account';
$people->create(userName => 'emily.smith@example.com', displayName => 'Emily Smith');
is_deeply [map { $_->[1] } @{ subjects('emily.smith@example.com') }], ['emily.smith@example.com'], 'who has a whole userName now comes before who had it';
is_deeply [map { [@$_[1, 3]] } @{ subjects('Emily Smith') }], [['emily.novak@example.com', 'Emily Smith'], ['emily.smith@example.com', undef]], 'of a name, both are found';

is_deeply list(account => 'nobody')->{subjects}, [], 'a text that means nobody';
is_deeply words(account => 'nobody'), [], 'has no entries';
is_deeply words(account => '%'), [], 'no character is a wildcard';
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT $1, 'twin' || n || '@example.com', 'Twin' FROM generate_series(1, 25) n}, $org->{id});
my $many = list(account => 'twin');
is scalar @{ $many->{subjects} }, 20, 'of many, twenty are searched';
ok $many->{moreSubjects}, 'and the answer says that there are more';
ok !list(account => 'anna')->{moreSubjects}, 'unless there are not';

# Kinds
$org->patch_ops($anna, { op => 'replace', path => 'active', value => FALSE });
$org->patch_ops($anna, { op => 'replace', path => 'active', value => TRUE });
$org->patch_ops($anna, { op => 'replace', path => 'title', value => '=1+1' });
$org->patch_ops($annabel, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'ADMIN' });
$org->patch_ops($annabel, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'GUEST' });
scimctl('org', $_, $org->{key}) for qw(disable enable);
my $other = JSON::PP::decode_json(scimctl('--json', 'token', 'generate', $org->{key}, '--name', 'Second token', '--issuer', $org->{issuer_name})->{out});
my %count = (created => 3 + 1, deleted => 1, activated => 1, deactivated => 1, role => 2, guest => 1, group => 2, token => 1, organization => 2, guard => 0, refused => 2, warning => 0, account => 0, changed => 5);
for my $kind (sort keys %count) {
    my @words = grep { !/twin/ } @{ words(kind => $kind) };
    is scalar @words, $count{$kind}, "kind=$kind" or diag "@words";
}
is_deeply words(kind => 'deactivated,activated'), ['activate a.yamada', 'deactivate a.yamada'], 'two kinds';
is_deeply words(kind => 'group,created'), ['create:full Tokyo Sales'], 'of groups, one kind';
is_deeply words(kind => 'refused', account => 'stranger'), ['refused stranger'], 'kind and account';
is_deeply words(kind => 'refused', outcome => 'changed'), [], 'kind and outcome that exclude each other';
is_deeply words(kind => 'role,deleted', outcome => 'guest'), ['role:guest annabel'], 'and that do not';
open my $feed, '<', 'docs/feed.md' or die $!;
my ($kinds) = do { local $/; scalar <$feed> } =~ /^\| kind \|(.*?)\n\n/ms;
for my $kind ($kinds =~ /(urn:[\w:]+)/g) {
    sql(q{INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name) VALUES ($1, $2, 'operator', 'kinds')}, $org->{id}, $kind);
}
my $all = 0;
$all += grep { $_->{actor} eq 'kinds' } @{ list(kind => $_, actor => 'kinds')->{entries} } for qw(created changed deleted activated deactivated role account token organization guard);
is $all, scalar @{ list(actor => 'kinds')->{entries} }, 'each kind of docs/feed.md has one word';
sql(q{DELETE FROM scim.event WHERE organization_id = $1 AND actor_name = 'kinds'}, $org->{id});

# Actors
is_deeply words(actor => 'second'), [], 'a token that has done nothing';
$org->post('/Users', { schemas => [CORE], userName => 'by.second@example.com', displayName => 'S', roles => [{ value => 'USER', primary => TRUE }] }, token => $other->{token});
is_deeply words(actor => 'SECOND tok'), ['create:full by.second'], 'a part of the name of a token';
is_deeply [sort map { s/scimctl \(.*/scimctl/r } @{ JSON::PP::decode_json(answer('activity-actors')->{content})->{actors} }], ['Second token', 'scimctl', 'test'], 'all actors are listed, once each';
is_deeply words(actor => 'scimctl', kind => 'token'), ['token:generate -'], 'an operator, and a kind';
is_deeply words(actor => 'test', kind => 'deleted'), ['delete bert'], 'a token, and a kind';
is_deeply words(actor => 'test', kind => 'refused', account => 'stranger'), ['refused stranger'], 'three filters';
is_deeply words(actor => 'test', kind => 'changed', account => 'annabel'), [('patch:full annabel') x 2], 'and others';
is_deeply words(actor => 'nobody'), [], 'somebody who does not exist';

# Times.  A transaction may be long: its events have its beginning as their time.
my $quiet = organization();
my @at = map { "2026-03-0$_ 00:00Z" } 1 .. 9;
sql(q{INSERT INTO scim.event (organization_id, kind, actor_kind, actor_name, occurred_at) SELECT $1, 'urn:mod_scim:event:organization:change', 'operator', 'x', unnest($2::timestamptz[])}, $quiet->{id},
    '{' . join(',', map { "\"$_\"" } @at[0 .. 3], '2026-03-05 00:09Z', '2026-03-05 00:00Z', @at[5 .. 8]) . '}');
sql(q{INSERT INTO scim.refusal (organization_id, actor_name, method, path, status, detail, occurred_at) VALUES ($1, 'x', 'GET', '/x', 400, 'x', '2026-03-20Z'), ($1, 'x', 'GET', '/x', 400, 'x', '2026-03-21Z')}, $quiet->{id});
sub days { my (%q) = @_; return join ' ', map { /-(\d\d)T/ } moments(JSON::PP::decode_json(answer('activity?' . query(%q), $quiet)->{content})->{entries}) }
is days(), '21 20 09 08 07 06 05 05 04 03 02 01', 'all days';
is days(since => '2026-03-08'), '21 20 09 08', 'since a day';
is days(since => '2026-03-08T00:00:00.001Z'), '21 20 09', 'since a time';
is days(until => '2026-03-03'), '02 01', 'until a day, which is not among them';
is days(until => '2026-03-03T09:00:00+09:00'), '02 01', 'in another time zone';
is days(since => '2026-03-05', until => '2026-03-06'), '05 05', 'what is out of order by minutes is among them';
is days(since => '2026-03-05T00:05:00Z', until => '2026-03-05T00:10:00Z'), '05', 'to the minute';
is days(since => '2026-03-21'), '21', 'refusals after the last change';
is days(since => '2026-03-10', until => '2026-03-21'), '20', 'and between';
is days(until => '2026-03-21'), '20 09 08 07 06 05 05 04 03 02 01', 'until one of them';
is days(since => '2027-01-01'), '', 'the future';
is days(until => '2000-01-01'), '', 'the past';
is days(since => '2026-03-09', until => '2026-03-01'), '', 'an end before the beginning';
is_deeply [map { JSON::PP::decode_json(answer('activity?since=2026-01-01', organization())->{content})->{entries} } 1], [[]], 'an organization without events';

# Pages
my (@pages, $before);
do {
    my $page = list(count => 3, defined $before ? (before => $before) : ());
    push @pages, map { $_->{sequence} } @{ $page->{entries} };
    $before = $page->{next};
} while defined $before;
is_deeply \@pages, [map { $_->{sequence} } @{ list(count => 200)->{entries} }], 'page by page, all entries come once';

# What cannot be meant
for my $wrong (['kind=nothing', qr/The kind 'nothing' is unknown/], ['kind=created,x', qr/'x' is unknown/], ['outcome=x', qr/changed, refused, warning or guest/], ['since=yesterday', qr/'since' must be a day or a time/],
               ['until=2026-02-30', qr/'until' must be/], ['since=2026', qr/'since'/], ['before=x', qr/'before' must be/], ['before=' . '9' x 30, qr/'before'/], ['count=0', qr/'count' must be/],
               ['account=' . 'x' x 201, qr/too long/], ['actor=' . 'x' x 201, qr/too long/], ['kind=' . 'x,' x 101, qr/too long/]) {
    my ($query, $like) = @$wrong;
    for my $path ('activity', 'activity.csv') {
        next if $path =~ /csv/ && $query =~ /before|count/;
        my $r = answer("$path?$query");
        is $r->{status}, 400, "$path?" . substr $query, 0, 20;
        like $r->{content}, $like, 'which says why';
    }
}
is answer('activity?' . query(account => $_, actor => $_))->{status}, 200, 'strange text is only text' for "'", '"', '\\', '{}', "a\tb", 'あ', '%00', '--', '(';

# CSV
sub csv_lines {
    my ($text) = @_;
    my @rows;
    while ($text =~ /\G((?:(?:"(?:[^"]|"")*"|[^",\r\n]*)(?:,|(?=\r\n)))+)\r\n/gc) {
        my $line = $1;
        push @rows, [map { s/^"(.*)"$/$1/s ? s/""/"/gr : $_ } $line =~ /("(?:[^"]|"")*"|[^",]*)(?:,|$)/g];
    }
    is substr($text, pos($text) // 0), '', 'the file has lines and nothing else';
    return @rows;
}
my $csv = answer('activity.csv?' . query(account => 'anna@example.com'));
is $csv->{status}, 200, 'a CSV file';
like $csv->{headers}{'content-type'}, qr{^text/csv; charset=utf-8}, 'of this type';
like $csv->{headers}{'content-disposition'}, qr/^attachment; filename="activity-$org->{key}\.csv"$/, 'to be saved';
ok $csv->{content} =~ s/^\xEF\xBB\xBF//, 'spreadsheets are told that it is UTF-8';
my ($heads, @lines) = csv_lines($csv->{content});
is $heads->[0], 'sequence', 'it has heads';
is_deeply [map { $_->[0] } @lines], [map { $_->{sequence} } @{ list(account => 'anna@example.com')->{entries} }], 'and a line for each entry';
is_deeply [grep { @$_ < @$heads } @lines], [], 'with all columns';
$org->create(userName => '=cmd@example.com', displayName => '+1');
is_deeply [map { $_->[8] } (csv_lines(answer('activity.csv?account=%3Dcmd')->{content} =~ s/^\xEF\xBB\xBF//r))[1]], ["'=cmd\@example.com"], 'no field is a formula';
my $foreign = organization();
is answer('activity.csv', { %$foreign, issuer_name => $org->{issuer_name} })->{status}, 403, 'nobody exports what is of another organization';

# scimctl means the same.
sub printed { return [map { $_->{sequence} } @{ JSON::PP::decode_json(scimctl('--json', 'activity', 'list', $org->{key}, @_)->{out}) }] }
for my $q ([account => 'anna'], [kind => 'role,deleted'], [actor => 'test', kind => 'changed'], [since => '2026-01-01', until => '2999-01-01', outcome => 'refused'], [until => '2026-01-01']) {
    my %q = @$q;
    is_deeply printed(map { ("--$_", $q{$_}) } sort keys %q), [map { 0 + $_->{sequence} } @{ list(%q)->{entries} }], 'scimctl activity list --' . join ' --', sort keys %q;
}
like scimctl('activity', 'list', $org->{key}, '--since', 'x')->{err}, qr/'since' must be a day or a time/, 'and refuses the same';

# A large organization: an old token, then another, and few things of other people.
my ($accounts, $events) = $LARGE ? (1_000_000, 5_000_000) : (2_000, 60_000);
my $large = organization();
sql_unchecked(<<'SQL', $large->{id}, $accounts);
INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
SELECT $1, 'user' || n || '@example.com', (ARRAY['Taro', 'Hanako', 'Anna'])[1 + n % 3] || ' ' || n, jsonb_build_object('emails', jsonb_build_array(jsonb_build_object('value', 'mail' || n || '@example.com')))
FROM generate_series(1, $2::int) n
SQL
sql(<<'SQL', $large->{id}, $events);
BEGIN; ALTER TABLE scim.event DISABLE TRIGGER USER;
INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version, occurred_at, data)
SELECT $1, md5((n % 1000)::text)::uuid,
       CASE WHEN n % 5 = 0 THEN 'urn:ietf:params:scim:event:prov:create:full' WHEN n % 5003 = 1 THEN 'urn:ietf:params:scim:event:prov:delete' WHEN n % 20011 = 2 THEN 'urn:mod_scim:event:role:guest'
            ELSE 'urn:ietf:params:scim:event:prov:patch:full' END,
       'token', CASE WHEN n % 10007 = 3 THEN 'administrator' WHEN n < $2::int / 2 THEN 'old' ELSE 'new' END, 1, now() - ($2::int - n) * interval '1 minute', jsonb_build_object('before', jsonb_build_object(CASE WHEN n % 5003 = 1 OR n % 50 = 7 THEN 'userName' ELSE 'title' END, 'gone' || n))
FROM generate_series(1, $2::int) n;
ALTER TABLE scim.event ENABLE TRIGGER USER; COMMIT
SQL
sql('VACUUM ANALYZE scim.event');
sql('ANALYZE scim.account');

# How many events the plans of a request read at most, whatever they do with them; it
# is sent often enough for generic plans.
server()->run(0, Scim::Server::pg('psql'), '-h', server()->{pghost}, '-U', 'postgres', '-d', 'scim', '-qAtX',
              map { ('-c', "ALTER SYSTEM SET auto_explain.log_$_") } 'analyze = on', 'timing = off');
sub read_by {
    my ($plan) = @_;
    my $rows = 0;
    while ($plan =~ /(?:Scan(?: Backward)? using \w+|Heap Scan|Seq Scan) on event\b[^\n]*\(actual rows=(\d+) loops=(\d+)\)((?:\n\t ++(?!->)[^\n]*)*)/g) {
        my ($each, $loops, $more) = ($1, $2, $3);
        $each += $1 if $more =~ /Rows Removed by Filter: (\d+)/;
        $rows += $each * $loops;
    }
    return $rows;
}
# To find the entries of a page, and then what of them was undone
sub costs {
    my ($path) = @_;
    my @plans = grep { /scim\.(?:event|account)\b/ && /Query Text/ } query_plans(sub { answer($path, $large) for 1 .. 7 });
    ok @plans >= 7, "$path: its plans" or diag scalar @plans;
    is_deeply [grep { /Seq Scan on (?:event|account|user_group)/ } map { s/Query Text:.*//r } @plans], [], 'read no table as a whole';
    my %most = (search => 0, undoing => 0);
    for my $plan (@plans) {
        my $part = $plan =~ /u\.data -> 'undoes'/ ? 'undoing' : 'search';
        my $read = read_by($plan =~ s/Query Text:.*//r);
        $most{$part} = $read if $read > $most{$part};
    }
    return \%most;
}
my $old = sql('SELECT 1') && (sql('SELECT now() - $1::int * interval \'1 minute\'', $events * 3 / 4))[0][0] =~ s/ /T/r =~ s/\+00$/Z/r;
# A page has 50 entries, and one is read beyond it.  What an index finds is read once
# there and once more by the page: of each kind as many as a page has.  In the small
# organization what is rare fills none.
my $page = 50 + 1;
my $rare_page = $LARGE ? 2 * $page : $page;
my $changed_page = 5 + $page / .8 + $page;    # four of five events are changes
# Guests of the other token are newer: those of half of all events, each 20,011th.
my $by_old = int($events / 2 / 20_011) + 1 + $rare_page;
my %limit = (
    '' => 2 * $page, 'actor=old' => 2 * $page, 'actor=administrator' => $rare_page, 'actor=ad' => $rare_page, 'kind=deleted' => $rare_page, 'kind=guest,deleted' => 3 * $page, 'kind=changed' => $changed_page, 'kind=group' => 1,
    'kind=guest&actor=old' => $by_old, 'kind=refused' => 1, "until=$old" => 700, "since=$old&until=$old" => 700, "kind=deleted&until=$old" => 200, 'account=user77@example.com' => 60, 'account=mail77@example.com' => 60,
    'account=nobody' => 2000 + 2001, 'kind=token' => 2, 'actor=nobody' => 60,
    'kind=changed&actor=administrator' => $changed_page, 'kind=created&actor=administrator' => 2100,
    # These walk.
    'kind=changed&since=2999-01-01' => $WALK, "kind=created&until=$old&actor=new" => $WALK);
for my $query (sort keys %limit) {
    my $cost = costs("activity?$query");
    cmp_ok $cost->{search}, '<=', $limit{$query}, "activity?$query reads no more events than that" and note $cost->{search};
    is $cost->{undoing}, 0, 'nor any to say that nothing was undone';
}
my $rare = JSON::PP::decode_json(answer("activity?kind=created&until=$old&actor=new", $large)->{content});
is_deeply $rare->{entries}, [], 'what is rare is not searched to the end';
is !$rare->{searchedTo}, !$rare->{next}, 'but the answer says how far, and where to go on';
my ($rounds, $found, $next) = (0, 0, undef);
do {
    my $page = JSON::PP::decode_json(answer('activity?kind=changed,created,deleted&actor=administrator&since=2000-01-01&count=200' . (defined $next ? "&before=$next" : ''), $large)->{content});
    $found += @{ $page->{entries} };
    $next = $page->{next};
} while defined $next && ++$rounds < 2 * $events / $WALK + 5;
is $next, undef, 'going on comes to the end';
is $found, (sql(q{SELECT count(*) FROM scim.event WHERE organization_id = $1 AND actor_name = 'administrator' AND kind ~ ':(create|patch|delete)'}, $large->{id}))[0][0], 'and finds all';

# An export is streamed: with all of them, memory is not that of all, and no
# connection is held for a client that does not read.
sub memory { return (map { /^VmHWM:\s+(\d+)/ ? $1 / 1024 : () } do { open my $in, '<', "/proc/$_[0]/status" or return; <$in> })[0] }
sub children { my $httpd = server()->httpd_pid; return split ' ', do { open my $in, '<', "/proc/$httpd/task/$httpd/children" or die $!; scalar(<$in>) // '' } }
sub export {
    my ($read) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => server()->{port}, Timeout => 10) or die $!;
    print $socket "GET /organizations/$large->{key}/api/activity.csv HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Basic " . MIME::Base64::encode("$large->{issuer_name}:x", '') . "\r\n\r\n";
    return $read->($socket);
}
sub rest {
    my ($socket) = @_;
    my ($length, $tail) = (0, '');
    while (IO::Select->new($socket)->can_read(20)) {
        $socket->recv(my $bytes, 65536);
        last if !length $bytes;
        $length += length $bytes;
        $tail = substr $tail . $bytes, -8;
    }
    return ($length, $tail);
}
my %peak = map { $_ => memory($_) } children();
my ($length, $tail) = export(\&rest);
cmp_ok $length, '>', 100 * min($events, $EXPORT_MAX), 'all events are exported, or as many as a file may have';
is $tail =~ /\r\n0\r\n\r\n$/ ? 'whole' : 'cut off', $events > $EXPORT_MAX ? 'cut off' : 'whole', 'to the end of the message, unless there are more';
is_deeply [grep { $_ > 30 } map { (memory($_) // 0) - ($peak{$_} // 1000) } children()], [], 'in the memory of a few';
export(sub {
    my ($socket) = @_;
    IO::Select->new($socket)->can_read(20);
    $socket->recv(my $beginning, 4096);
    ok Scim::Process::until_true(10, sub { !(sql(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'scim' AND state <> 'idle'}))[0][0] }), 'a client that does not read holds no statement';
    server()->stop_database;
    my ($length, $tail) = rest($socket);
    unlike $tail, qr/\r\n0\r\n\r\n$/, 'an export that cannot go on does not end like a whole one';
    like error_log(), qr{SCIM0001: 503 }, 'and the log says so';
    server()->start_database;
});
if ($LARGE) {
    for my $query (sort keys %limit) {
        my $start = Time::HiRes::time();
        answer("activity?$query", $large) for 1 .. 5;
        cmp_ok my $ms = (Time::HiRes::time() - $start) * 200, '<', 100, "activity?$query takes less than 100 ms at a million accounts";
        note sprintf '%.1f ms', $ms;
    }
}
done_testing;
