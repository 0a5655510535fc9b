# SPDX-License-Identifier: Apache-2.0
# Drift: accounts that are not as the identity provider would have them (scimctl
# drift, the filter of the members page), and its own list beside them (scimctl
# compare).
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

own_server();           # the time of its tables is changed
my ($program, @db) = server()->scimctl;
my $org = organization();
my $key = $org->{key};

# (exit status, stdout, stderr), with text on standard input.
sub scimctl {
    my ($input, @arguments) = @_;
    my $done = Scim::Process::run([$program, @db, map { encode_utf8($_) } @arguments], input => encode_utf8($input), seconds => 60);
    return ($done->{status}, map { decode_utf8($_) } @$done{qw(out err)});
}
sub api {
    my ($of, $query) = @_;
    my $r = Scim::Test::http()->request(GET => "/organizations/$of->{key}/api/members?$query",
        [Authorization => 'Basic ' . MIME::Base64::encode("$of->{issuer_name}:x", ''), Origin => server()->{url}], undef);
    return ($r->{status}, JSON::PP->new->utf8->decode($r->{content}));
}
sub members { my ($status, $page) = api($org, shift); return map { [$_->{userName}, $_->{detail}] } @{ $page->{members} } }
sub drift {
    my (@options) = @_;
    my ($status, $out, $err) = scimctl('', 'drift', $key, '--json', @options);
    is "$status $err", '0 ', 'drift ' . join ' ', @options;
    return @{ JSON::PP->new->decode($out) };
}
sub brief { return map { [@$_{qw(check userName detail)}] } @_ }
sub insert {
    my ($name, %of) = @_;
    my @names = sort keys %of;
    return (sql('INSERT INTO scim.account (organization_id, user_name, display_name' . join('', map { ", $_" } @names) . ') VALUES ($1, $2, $2'
        . join('', map { ', $' . ($_ + 3) } 0 .. $#names) . ') RETURNING id', $org->{id}, $name, @of{@names}))[0][0];
}

# Never touched
my $tag = random_name();
sub name { return "$tag-$_[0]\@example.com" }
sql('DELETE FROM scim.token WHERE organization_id = $1 AND name <> $2', $org->{id}, 'test');
sql('UPDATE scim.account SET provisioned_at = now() WHERE organization_id = $1', $org->{id});
my $by_scim = $org->create(userName => name('a'));
insert(name('b'));
insert(name('c'), sync_eligible => 'false');
insert(name('d'), managed => 'false');
is_deeply [map { $_->{userName} } drift('--never')], [name('b'), name('c')], 'Managed Accounts that provisioning has never changed';
my ($found) = drift('--never');
is_deeply [sort keys %$found], [sort qw(check id userName displayName active label provisionedAt detail)], 'with these members';
like $found->{detail}, qr/^\d{4}-\d\d-\d\d$/, 'and the day on which they were created';
is_deeply [map { $_->[0] } members('drift=never')], [name('b'), name('c')], 'the members page has the same';
is_deeply [map { $_->[0] } members('drift=never&label=ineligible')], [name('c')], 'with its other choices';
is_deeply [map { $_->[0] } members("drift=never&search=$tag-B")], [name('b')], 'and any part of a name';
is_deeply [members('drift=never&role=ADMIN')], [], 'or none';

# Not seen
my $since = q{UPDATE scim.schema_version SET applied_at = now() - $1::interval WHERE version = 6};
my ($was) = @{ (sql_unchecked('SELECT applied_at FROM scim.schema_version WHERE version = 6'))[0] };
sub seen { sql_unchecked(q{INSERT INTO scim.account_seen VALUES ($1, $2, current_date - $3::integer) ON CONFLICT (organization_id, account_id) DO UPDATE SET seen_on = excluded.seen_on}, $org->{id}, @_) }
my %old = (provisioned_at => '2020-01-01');
my @ids = map { insert(name($_), %old, $_ eq 'h' ? (active => 'false') : ()) } qw(e f g h);
seen($ids[0], 10);
seen($ids[1], 100);
seen($ids[3], 100);
my $day = (sql('SELECT (current_date - 100)::text'))[0][0];
is_deeply [brief(drift('--not-seen', 30))], [['notSeen', name('f'), $day]], 'active accounts that the identity provider has not asked for, with the last day';
is_deeply [map { $_->{userName} } drift('--not-seen', 9)], [name('e'), name('f')], 'for as many days as are asked for';
is_deeply [drift('--not-seen', 100)], [], 'a hundred days ago is not more than a hundred days ago';
is_deeply [members('drift=notSeen')], [[name('f'), $day]], 'on the page for 90 days';
sql_unchecked('UPDATE scim.schema_version SET applied_at = now() - interval $1 WHERE version = 6' =~ s/\$1/'200 days'/r);
is_deeply [brief(drift('--not-seen', 30))], [['notSeen', name('f'), $day]], 'one that was never asked for, but changed since, is not among them';
sql_unchecked(q{ALTER TABLE scim.account DISABLE TRIGGER USER});
sql_unchecked(q{UPDATE scim.account SET updated_at = now() - interval '150 days' WHERE id = $1}, $ids[2]);
sql_unchecked(q{ALTER TABLE scim.account ENABLE TRIGGER USER});
is_deeply [brief(drift('--not-seen', 30))], [['notSeen', name('f'), $day], ['notSeen', name('g'), 'never']], 'but one that was not';
sql_unchecked(q{UPDATE scim.schema_version SET applied_at = now() - interval '20 days' WHERE version = 6});
is_deeply [brief(drift('--not-seen', 30))], [['notSeen', name('f'), $day]], 'unless days are not known for so long';
sql_unchecked(q{UPDATE scim.schema_version SET applied_at = $1::timestamptz WHERE version = 6}, $was);
for my $days ('0', 'x', '99999999') {
    my ($status, undef, $err) = scimctl('', 'drift', $key, '--not-seen', $days);
    is $status, 1, "--not-seen $days is refused";
}

# Twice
my %email = (attributes => JSON::PP::encode_json({ emails => [{ value => "$tag-X\@example.com", primary => TRUE }, { value => "$tag-shared\@example.com" }] }));
insert(name('i'), external_id => "$tag-1", %old);
insert(name('j'), external_id => "$tag-1", %old);
insert(name('k'), external_id => uc "$tag-1", %old, %email);
insert(name('x'), %old);
insert(name('l'), %old, attributes => JSON::PP::encode_json({ emails => [{ value => "$tag-shared\@example.com", primary => TRUE }] }));
is_deeply [brief(drift('--duplicates'))],
    [['duplicates', name('i'), "externalId $tag-1"], ['duplicates', name('j'), "externalId $tag-1"], ['duplicates', name('k'), "emails $tag-X\@example.com"], ['duplicates', name('x'), 'emails ' . name('x')]],
    'accounts with one externalId, which has cases, or one primary address, which has none and may be the userName';

# Inactive in groups
my $group = $org->post('/Groups', { displayName => random_name(), members => [map { { value => $_ } } @ids[2, 3]] })->{json};
$org->post('/Groups', { displayName => random_name(), members => [{ value => $ids[3] }] });
is_deeply [brief(drift('--inactive-members'))], [['inactiveMembers', name('h'), '2']], 'inactive accounts in groups, with their number';
is_deeply [members('drift=inactiveMembers&active=true')], [], 'which are not active';

# Domains
is_deeply [drift('--domains')], [], 'without verified domains every domain is good';
insert("$tag-m\@BÜCHER.example", %old);
insert("$tag-n\@old.example", %old);
insert("$tag-without", %old);
sql('UPDATE scim.organization SET domains = $1 WHERE id = $2', '{example.com,xn--bcher-kva.example}', $org->{id});
is_deeply [brief(drift('--domains'))], [['domains', "$tag-n\@old.example", 'old.example'], ['domains', "$tag-without", "$tag-without"]], 'a domain that is not verified any more; they are compared as in DNS';

# All of them
is_deeply [map { $_->{check} } drift()], [qw(never never notSeen), ('duplicates') x 4, 'inactiveMembers', 'domains', 'domains'], 'without options all checks, one after another';
my ($status, $out, $err) = scimctl('', 'drift', $key, '--domains');
like $out, qr/^CHECK +USERNAME .*\ndomains +\Q$tag\E-n\@old\.example .* old\.example /, 'a table for people';
my $calm = organization();
is_deeply [(scimctl('', 'drift', $calm->{key}, '--json', '--duplicates'))[0, 1]], [0, "[]\n"], 'nothing is an empty list';
my ($code, $answer) = api($org, 'drift=x');
is_deeply [$code, $answer->{message}], [400, "Invalid value 'x' for drift."], 'another filter is refused';
is +(api($org, 'drift=never&count=0'))[0], 400, 'and another count';
is_deeply [members('drift=never&cursor=~')], [], 'behind the last one is nothing';

# Pages
my $large = organization();
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, provisioned_at)
      SELECT $1, 'p' || to_char(n, 'FM00000') || '@example.com', 'x', CASE WHEN n % 3 = 0 THEN now() END FROM generate_series(1, 3000) n}, $large->{id});
my (@all, $next, $pages);
do {
    my (undef, $page) = api($large, 'drift=never&count=200' . (defined $next ? '&cursor=' . uri($next) : ''));
    push @all, map { $_->{userName} } @{ $page->{members} };
    $next = $page->{next};
} while (defined $next && ++$pages < 50);
my @wanted = map { $_->[0] } sql(q{SELECT user_name FROM scim.account WHERE organization_id = $1 AND provisioned_at IS NULL ORDER BY user_name_key}, $large->{id});
is_deeply \@all, \@wanted, 'page by page none is missed, and none is twice';
($status, $out) = scimctl('', 'drift', $large->{key}, '--json', '--never');
is_deeply [map { $_->{userName} } @{ JSON::PP->new->decode($out) }], \@wanted, 'scimctl has all pages';
sql(q{UPDATE scim.organization SET domains = '{xn--bcher-kva.example}' WHERE id = $1}, $large->{id});
sql(q{UPDATE scim.account SET user_name = replace(user_name, 'example.com', 'bücher.example') WHERE organization_id = $1 AND user_name LIKE 'p%' AND user_name NOT LIKE '%7@%'}, $large->{id});
($status, $out) = scimctl('', 'drift', $large->{key}, '--json', '--domains');
is scalar(grep { $_->{userName} =~ /7\@example\.com/ } @{ JSON::PP->new->decode($out) }), 300, 'also where a statement finds more than there are';
(undef, $answer) = api($large, 'drift=domains&count=50');
is scalar @{ $answer->{members} }, 50, 'a page is full if there are enough';

# Beside the list of the identity provider
my $there = organization();
sql('DELETE FROM scim.token WHERE organization_id = $1', $there->{id});
sql('DELETE FROM scim.account WHERE organization_id = $1', $there->{id});
for (['anna', 'e1', 'Anna', 'true'], ['ben', 'e2', 'Ben', 'true'], ['carl', 'e3', 'Carl', 'false'], ['dora', undef, 'Dora', 'true'], ['emil', 'e5', 'Emil', 'true'], ['emil2', 'e5', 'Emil', 'true']) {
    sql('INSERT INTO scim.account (organization_id, user_name, external_id, display_name, active) VALUES ($1, $2, $3, $4, $5)', $there->{id}, "$_->[0]\@example.com", @$_[1, 2, 3]);
}
sub compare {
    my ($text, @options) = @_;
    my ($status, $out, $err) = scimctl($text, 'compare', $there->{key}, '-', '--json', @options);
    return ($status, [map { join ' ', map { $_ // '-' } @$_{qw(difference userName externalId there here)} } @{ $out ? JSON::PP->new->decode($out) : [] }], $err);
}
my $entra = "\x{FEFF}userPrincipalName,displayName,surname,mail,givenName,id,userType,accountEnabled\r\n"
    . qq{anna\@example.com,Anna,x,y,z,e1,Member,True\r\nben\@example.com,"Ben, Jr.",x,y,z,e2,Member,TRUE\r\ncarl\@example.com,Carl,,,,e3,,True\r\nfritz\@example.com,Fritz,,,,e6,,False\r\nemil\@example.com,Emil,,,,e5,,\r\n};
($status, my $differences, $err) = compare($entra, '--key', 'externalId');
is_deeply $differences, ['displayName ben@example.com e2 Ben, Jr. Ben', 'active carl@example.com e3 true false', 'notHere fritz@example.com e6 false -', 'duplicate emil@example.com e5 - -',
                         'notThere dora@example.com - - true'], "a file of Entra ID: what differs, who is only there, who is only here";
is $status, 1, 'the exit status is 1';
like $err, qr/5 difference\(s\), 0 bad line\(s\)/, 'with their number';
($status, $differences) = compare($entra, '--key', 'userName');
is_deeply $differences, ['displayName ben@example.com e2 Ben, Jr. Ben', 'active carl@example.com e3 true false', 'notHere fritz@example.com e6 false -',
                         'notThere dora@example.com - - true', 'notThere emil2@example.com e5 - true'], 'by userName';
my $same = join '', "Login;x,Name\n" =~ s/;x//r, map { "$_\n" } 'ANNA@example.com,Anna', 'ben@example.com,', 'carl@example.com,Carl', 'dora@example.com,Dora', 'emil@example.com,Emil', 'emil2@example.com,Emil';
is_deeply [compare($same, '--key', 'userName')], [0, [], ''], 'in any case, and what the file does not say is not compared: nothing differs, and the exit status is 0';
is_deeply [(compare("Person,Who\n$_,Anna\n", '--key', 'userName', '--columns', 'userName=person,displayName=WHO'))[1][0] // '-'], ['notThere ben@example.com e2 - true'], 'columns can be named' for 'anna@example.com';
for ([qr/has no column externalId; name it by --columns externalId=COLUMN/, "userName\n", '--key', 'externalId'], [qr/has no column nope/, "userName\n", '--key', 'userName', '--columns', 'active=nope'],
     [qr/the file is empty/, '', '--key', 'userName'], [qr/--key must be userName or externalId/, "userName\n", '--key', 'active'], [qr/'x' is none of/, "userName\n", '--key', 'x'],
     [qr/'active' is not ATTRIBUTE=COLUMN/, "userName\n", '--key', 'userName', '--columns', 'active']) {
    my ($message, @arguments) = @$_;
    my ($status, $differences, $err) = compare(@arguments);
    is_deeply [$status, $differences], [1, []], "refused: $message";
    like $err, $message, 'with the reason';
}
($status, $differences, $err) = compare("userName,active\nanna\@example.com,maybe\n\n,true\nben\@example.com\nANNA\@example.com,true\nben\@example.com,true\ncarl\@example.com,false\ndora\@example.com,true\nemil\@example.com,\nemil2\@example.com,\n", '--key', 'userName');
is_deeply $differences, [], 'lines that cannot be read are left out';
like $err, qr/-:2: active must be true or false.*there is no userName.*the number of fields.*more than once.*0 difference\(s\), [45] bad line/s, 'and named';
is $status, 1, 'with exit status 1';
my $names = join '', map { sprintf "p%05d\@%s\n", $_, $_ % 10 == 7 ? 'example.com' : 'bücher.example' } grep { $_ % 1000 } 1 .. 3001;
($status, $out) = scimctl("userName\n${names}extra\@example.com\n", 'compare', $large->{key}, '-', '--key', 'userName', '--json');
is_deeply [sort map { "$_->{difference} $_->{userName}" } grep { $_->{userName} =~ /^p|extra/ } @{ JSON::PP->new->decode($out) }],
    ['notHere extra@example.com', 'notHere p03001@bücher.example', map { "notThere p0${_}000\@bücher.example" } 1 .. 3], 'more than one batch and page';
done_testing;
