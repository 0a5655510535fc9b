# SPDX-License-Identifier: Apache-2.0
# Members are found by any words and parts of words, in four orders and both
# directions, counted and exported; in an organization with 50,000 accounts (with
# SCIM_TEST_LARGE=1, a million) without reading all of them.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Test;

own_server();           # its plans are read, and it gets many accounts
my $org = organization();
my $other = organization();

sub get {
    my ($path, $in) = @_;
    return Scim::Test::http()->request(GET => '/organizations/' . ($in || $org)->{key} . "/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode(($in || $org)->{issuer_name} . ':x', '')], undef);
}
sub query { my (%query) = @_; return join '&', map { "$_=" . uri($query{$_}) } sort keys %query }
sub page {
    my (%query) = @_;
    my $r = get('members?' . query(%query));
    is $r->{status}, 200, 'members?' . query(%query) or diag $r->{content};
    return JSON::PP->new->utf8->decode($r->{content});
}
sub names { my (%query) = @_; return join ' ', map { $_->{userName} =~ /^(\w+)/ } @{ page(%query)->{members} } }
sub total { my (%query) = @_; return JSON::PP->new->utf8->decode(get('member-total?' . query(%query))->{content}) }

sub insert {
    my ($name, %given) = @_;
    my %columns = (user_name => "$name\@example.com", %given);
    my @columns = sort keys %columns;
    sql("INSERT INTO scim.account (organization_id, @{[join ', ', @columns]}) VALUES (\$1, @{[join ', ', map { '$' . ($_ + 2) } 0 .. $#columns]})",
        $org->{id}, @columns{@columns});
}
insert('keiko', display_name => 'Keiko Yamada', role => 'USER');
insert('t_yamada', display_name => '山田 太郎', external_id => 'X-1', attributes => '{"name":{"givenName":"Taro","familyName":"Yamada"}}');
insert('hanako', display_name => '佐藤花子', attributes => '{"nickName":"Ｈａｎａ"}');
insert('anna', display_name => 'Anna-Lena Müller', active => 'false', attributes => '{"emails":[{"value":"al@one.example"},{"value":"lena@two.example"}]}');
insert('nobody');
insert('s_o', display_name => 'Seán O’Neil', attributes => '{"nickName":"ショーン・オニール"}');
insert('percent', display_name => '100%_x\\y');

# Words
my @finds = (
    yamada => 'keiko t_yamada', YAMADA => 'keiko t_yamada', amad => 'keiko t_yamada', 'yamada keiko' => 'keiko', 'taro yama' => 't_yamada', ya => 'keiko t_yamada',
    am => '', '山田' => 't_yamada', '田' => 't_yamada', '太郎' => 't_yamada', '花子' => 'hanako', '藤花' => 'hanako', '佐藤花子' => 'hanako', '子花' => '',
    'ｙａｍａｄａ' => 'keiko t_yamada', '山田　太郎' => 't_yamada', hana => 'hanako', 'lena@two' => 'anna', 'lena two' => 'anna', 'MÜLLER' => 'anna', 'ller' => 'anna',
    lena => 'anna', '100%' => 'percent', 'x\\y' => 'percent', '%' => '', '\\' => '', '@' => '', 'yamada @' => 'keiko t_yamada', 'X-1' => 't_yamada', 'keiko.yamada' => 'keiko', 'keiko.y' => 'keiko',
    'exampleexample' => '', 'yamadayamada' => '',
    '山田太郎' => 't_yamada', '郎山' => '', '佐藤 花子' => 'hanako', 'オニール' => 's_o', 'ショーンオニール' => 's_o', q(o'neil) => 's_o', 'O’Neil' => 's_o', 'o neil' => 's_o', 'oneil' => '');
while (my ($search, $found) = splice @finds, 0, 2) {
    is names(search => $search), $found, "search '" . Encode::encode_utf8($search) . "'";
    is total(search => $search)->{total}, scalar(split ' ', $found), 'and counted';
}
is names(search => 'yamada', role => 'USER'), 'keiko', 'a search among those of a role';
is names(search => 'example', active => 'false'), 'anna', 'or a state';
my $id = page(search => 'hanako')->{members}[0]{id};
is names(search => $id), 'hanako', 'an id';
insert('a111', external_id => '1111111');
is names(search => '1111111'), 'a111', 'who is found by an externalId, and has some of its trigrams, is found once';
is total(search => '1111111')->{total}, 1, 'and counted once';
insert('squares', display_name => "\x{fdfa}" x 500 . ' end');
is names(search => 'squares'), 'squares', 'characters that are many when folded keep nobody from being found';
sql(q{DELETE FROM scim.account WHERE organization_id = $1 AND user_name ~ '^(squares|a111)@'}, $org->{id});
sql(q{UPDATE scim.account SET display_name = 'Hana Kimura' WHERE id = $1}, $id);
is names(search => 'kimura'), 'hanako', 'a new name is found at once';
is names(search => '花子'), '', 'and the old one no more';

# Orders and pages
my @all = map { [$_->{displayName}, $_->{userName}] } @{ page(count => 200)->{members} };
my %order = (userName => [sort map { $_->[1] } @all],
             displayName => [(map { $_->[1] } sort { lc $a->[0] cmp lc $b->[0] } grep { defined $_->[0] } @all), map { $_->[1] } grep { !defined $_->[0] } @all]);
sub walk {
    my ($step, $way, %query) = @_;
    my (@walked, $cursor);
    for (1 .. 30) {
        my $page = page(%query, count => 2, $cursor ? ($way => $cursor) : ());
        push @walked, $way eq 'back' ? [reverse map { $_->{userName} } @{ $page->{members} }] : [map { $_->{userName} } @{ $page->{members} }];
        $cursor = $page->{$step} or last;
    }
    return [map { @$_ } @walked];
}
for my $sort (qw(userName displayName created lastModified)) {
    for my $search ('', 'example') {
        my %query = (sort => $sort, length $search ? (search => $search) : ());
        my $up = walk(next => 'cursor', %query);
        is_deeply [sort @$up], [sort map { $_->[1] } @all], "by $sort, everybody is on one page" . ($search && ', also of a search');
        is_deeply $up, $order{$sort}, 'in this order' if $order{$sort};
        is_deeply walk(next => 'cursor', %query, order => 'descending'), [reverse @$up], 'and the other way round';
    }
}
my $first = page(count => 3, sort => 'displayName');
ok !exists $first->{previous}, 'before the first page there is none';
my $second = page(count => 3, sort => 'displayName', cursor => $first->{next});
is_deeply page(count => 3, sort => 'displayName', back => $second->{previous})->{members}, $first->{members}, 'the way back leads to the page before';
is page(count => 3, sort => 'displayName', back => $second->{previous})->{next}, $first->{next}, 'and on from it as before';
for my $query ('sort=x', 'order=up', 'cursor=x', "cursor=$id", "cursor=$id:x&sort=created", "cursor=$id:99999999999999999&sort=created", "cursor=${id}x:y", "back=$id;&sort=displayName",
               "cursor=$id:%00", 'sort=userName%27') {
    is get("members?$query")->{status}, 400, "members?$query is refused";
}

# What a row says
my $boss = $org->create(userName => 'boss@example.com', displayName => 'The Boss');
my $report = $org->create(userName => 'report@example.com', displayName => 'A Report', ENT, { manager => { value => $boss->{id} } });
my ($row) = @{ page(search => 'report')->{members} };
is_deeply $row->{manager}, { id => $boss->{id}, userName => 'boss@example.com', displayName => 'The Boss' }, 'a row names the manager';
is $row->{lastSync}{token}, (sql('SELECT name FROM scim.token WHERE id = $1', $org->{token_id}))[0][0], 'and the token of the last sync';
like $row->{lastSync}{at}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'and its time';
is page(search => 'keiko')->{members}[0]{lastSync}, undef, 'or that there was none';

# CSV
insert('formula', display_name => '=HYPERLINK("http://x")', external_id => '+1');
my $csv = get('members.csv?search=formula');
is $csv->{status}, 200, 'members.csv';
is $csv->{headers}{'content-type'}, 'text/csv; charset=utf-8', 'is CSV';
like $csv->{content}, qr/^\xEF\xBB\xBFid,userName,displayName,email,role,active,label,lastSync,lastSyncToken,manager,created,lastModified\r\n/, 'with a byte order mark and a head';
like $csv->{content}, qr/,formula\@example\.com,"'=HYPERLINK\(""http:/, 'a value that looks like a formula is none';
is scalar(() = get('members.csv')->{content} =~ /\r\n/g), @all + 4, 'all members';
like get('members.csv?sort=displayName&order=descending')->{content}, qr/keiko.*anna.*percent/s, 'in the order of the list';
is get('members.csv?label=x')->{status}, 400, 'a choice that is none is refused';
unlike get('members.csv', $other)->{content}, qr/keiko/, "nothing of another organization's";
is names(search => $other->{issuer}), '', 'nor is it found by its id';

# Many
my $many = $ENV{SCIM_TEST_LARGE} ? 1_000_000 : 50_000;
sql_unchecked(<<'SQL', $org->{id}, $many);
INSERT INTO scim.account (organization_id, user_name, display_name, role, provisioned_at, attributes)
SELECT $1, lower(g) || '.' || lower(f) || n || '@many.example',
       CASE WHEN n % 10 = 3 THEN (ARRAY['佐藤','鈴木','高橋','田中'])[1 + n % 4] || (ARRAY['花子','太郎','次郎','美咲','健太'])[1 + n % 5] ELSE g || ' ' || f END,
       role, now(), jsonb_build_object('roles', jsonb_build_array(jsonb_build_object('value', role, 'primary', true)), 'name', jsonb_build_object('givenName', g, 'familyName', f))
FROM generate_series(1, $2::integer) n,
     LATERAL (SELECT CASE WHEN n % 10000 = 0 THEN 'ADMIN' WHEN n % 4 = 0 THEN 'GUEST' ELSE 'USER' END,
        (ARRAY['Taro', 'Hanako', 'Anna', 'John', 'Maria', 'Olga', 'Peter', 'Xiu', 'Ahmed', 'Brigitte', 'Zoe'])[1 + n % 11],
        (ARRAY['Okada', 'Sato', 'Smith', 'Garcia', 'Novak', 'Suzuki', 'Muller', 'Kobayashi', 'Schwarzenberger', 'Nguyen'])[1 + n % 10]) r(role, g, f)
SQL
sql('VACUUM ANALYZE scim.account');
is_deeply total(), { total => 10_000, totalIsMore => TRUE }, 'more than 10,000 are not counted';
is_deeply total(role => 'ADMIN'), { total => 1 + $many / 10_000, totalIsMore => FALSE }, 'fewer are';

# The blocks and the time of a search, in the database, as httpd's sessions have it.
sub cost {
    my (%query) = @_;
    my $plan = join ' ', map { @$_ } sql(q{SET jit = off; EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM scim.find_members($1, $2, NULL, NULL, $3, $4, $5::boolean, NULL, NULL, 51, 5000)},
        $org->{id}, $query{role} && "{$query{role}}", @query{qw(search sort)}, $query{descending} ? 'true' : 'false');
    my $parsed = JSON::PP->new->decode($plan)->[0];
    return ($parsed->{Plan}{'Shared Hit Blocks'} + $parsed->{Plan}{'Shared Read Blocks'}, $parsed->{'Execution Time'}, $parsed->{Plan}{'Actual Rows'});
}
my $pages = (sql(q{SELECT relpages FROM pg_class WHERE oid = 'scim.account'::regclass}))[0][0];
for my $case (['rare', search => 'zoe.schwarzenberger' . 9 x 3], ['none', search => 'qqqq'], ['common', search => 'anna'], ['in all', search => 'many'], ['two letters', search => 'zo sc'],
              ['Japanese', search => '田中美咲'], ['one character', search => '咲'], ['rare in a role', search => 'olga', role => 'ADMIN'],
              ['late in the order', search => 'zoe'], ['a small role by name', sort => 'displayName', role => 'ADMIN'],
              ['by name', search => 'novak', sort => 'displayName'], ['none by name', search => 'qqqq', sort => 'displayName'], ['newest first', search => 'muller', sort => 'created', descending => 1],
              ['all by name', sort => 'displayName', descending => 1]) {
    my ($name, %query) = @$case;
    my ($blocks, $time, $rows) = cost(sort => 'userName', %query);
    ($blocks, $time, $rows) = cost(sort => 'userName', %query);
    note sprintf '%s: %d blocks, %.1f ms, %d rows', $name, $blocks, $time, $rows;
    cmp_ok $blocks, '<', 3 * $pages, "$name: the table is not read for each row";
    if ($ENV{SCIM_TEST_LARGE}) {
        cmp_ok $time, '<', 100, "$name: within 100 ms";
    }
}
# What is found by thousands, but not at the beginning of the order
sub all_found {
    my ($enough, %query) = @_;
    return map { $_->[0] } sql('SELECT key FROM scim.find_members($1, NULL, NULL, NULL, $2, $3, $4::boolean, NULL, NULL, 51, $5::integer)',
        $org->{id}, @query{qw(search sort descending)}, $enough);
}
for my $case ([search => 'zoe', sort => 'userName', descending => 'false'], [search => 'anna', sort => 'userName', descending => 'true']) {
    my @whole = all_found(undef, @$case);
    my @some = all_found(1000, @$case);
    is_deeply [scalar(@some), [sort { @$case[5] eq 'true' ? $b cmp $a : $a cmp $b } @some]], [51, \@some], "@$case: some are sorted";
    isnt "@some", "@whole", 'not the first of all';
    my %exists = map { $_->[0] => 1 } sql(q{SELECT user_name_key FROM scim.account WHERE organization_id = $1 AND user_name_key LIKE '%' || $2 || '%'}, $org->{id}, $case->[1]);
    is scalar(grep { !$exists{$_} } @some), 0, 'each has what was searched for';
    is_deeply [all_found($many, @$case)], \@whole, 'if all are enough, all are sorted';
}
insert('zz1', display_name => 'Leeex One');
insert('zz2', display_name => 'Leeex Two');
insert('zz3', display_name => 'exampleexample');
is_deeply [all_found(1, search => 'exampleexample', sort => 'userName', descending => 'false')], ['zz3@example.com'],
    'if none of these has the word, all are looked at';
sub partial { my (%query) = @_; return page(%query)->{isPartial} }
is partial(search => 'zoe'), $ENV{SCIM_TEST_LARGE} ? TRUE : FALSE, 'beyond 5,000 the answer says so';
is partial(search => 'ahmed'), FALSE, 'what is found at the beginning is not sorted';
is partial(), FALSE, 'nor is a list without a search';
for my $search ('qqqq', 'zo sc') {
    my ($plan) = grep { /account_grams/ && /OFFSET 0|Bitmap/ } query_plans(sub { page(search => $search) }, nested => 1);
    like $plan // '', qr/Bitmap Index Scan on account_search/, 'what is rare is taken from the index';
}
done_testing;
