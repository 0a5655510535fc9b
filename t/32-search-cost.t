# SPDX-License-Identifier: Apache-2.0
# What a search costs among many organizations: it visits no row of another one, and
# of its own not many more than it finds, with custom plans and with generic ones; or it
# reads its organization, as docs/sizing.md says.  What would take too long is refused
# with what helps.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use Time::HiRes ();
use Scim::Crowd qw(accounts crowd visited);
use Scim::Process;
use Scim::Test;

my $LARGE = $ENV{SCIM_TEST_LARGE};
my ($organizations, $usual, $most) = $LARGE ? (3_000, 667, 1_000_000) : (60, 50, 10_000);
my $GATE = "AuthType Basic\nAuthName gate\nAuthBasicProvider anon\nAnonymous *\nAnonymous_MustGiveEmail Off\nSCIMGateCache 0\nRequire scim-account\n";
own_server(database_conf => "shared_buffers = 1GB\nmax_wal_size = 4GB\n",      # its plans are read
           conf => join '', map { "<Location /gate/$_>\n${GATE}SCIMOrganization $_\n</Location>\n" } qw(small usual large));

my ($small, $middle, $large) = map { organization(profile => 'open', key => $_) } qw(small usual large);
sql_unchecked($_) for crowd($organizations - 3, $usual), map { accounts("o.id = '$_->[0]{id}'", $_->[1]) } [$small, 3], [$middle, $usual], [$large, $most];
sql('VACUUM ANALYZE scim.account');
server()->run(0, Scim::Server::pg('psql'), '-h', server()->{pghost}, '-U', 'postgres', '-d', 'scim', '-qAtX',
              map { ('-c', "ALTER SYSTEM SET auto_explain.log_$_") } 'analyze = on', 'timing = off');

# The most that a request visits in a plan, and how many it finds in all, and answers.
sub cost {
    my ($of, $path) = @_;
    my $answer;
    my @plans = grep { /scim\.account/ && !/scim\.(?:token|account_seen)/ } query_plans(sub { $answer = $of->get($path) for 1 .. 7 });
    my ($visited) = sort { $b <=> $a } map { visited(s/Query Text:.*?\n(?=\t)//sr) } @plans;
    return ($answer, $visited // 0, scalar grep { /Seq Scan on account/ } @plans);
}

# What each filter may visit: 1 or 0 resources, its own matches, or those that an index
# finds of it: that have the letters of its end anywhere, or meet one of two conditions.
my $page = 'count=20&filter=';
my %found = (
    'userName eq "USER7@example.com"' => 1, 'externalId eq "ext7"' => 1, 'displayName eq "person nr7"' => 1, 'emails.value eq "mail7@example.com"' => 1, 'emails[type eq "work"].value eq "MAIL7@example.com"' => 1,
    'title eq "architect"' => 'own', 'nickName eq "nick"' => 'own', 'title eq "Engineer" and nickName eq "nick"' => 'own', 'userName sw "user77"' => 'own', 'displayName sw "person nr77"' => 'own', 'externalId sw "ext77"' => 'own',
    'userName co "ser77"' => 'own', 'userName ew "r77@example.com"' => 'userName co "r77"', 'displayName co "nr77"' => 'own', 'emails.value co "ail77"' => 'own', 'emails[type eq "work" and value sw "mail77"]' => 'own', 'name.familyName ew "ily77"' => 'name.familyName co "ily77"',
    'userName co "ser77" and active eq false' => 'userName co "ser77"', 'userName eq "user7@example.com" or emails.value eq "mail8@example.com"' => 'own', 'meta.created gt "2999-01-01T00:00:00Z"' => 0,
    'active eq false' => 'own', 'active eq false and title eq "architect"' => 'title eq "architect"', 'not (active eq true) and active eq false' => 'active eq false', 'active ne true' => 'active eq false', 'not (active eq true)' => 'active eq false', 'not (active ne false)' => 'active eq false', 'not (not (active ne true))' => 'active eq false', 'not (active eq true or title pr)' => 'active eq false', 'not (not (active eq false) or title co "zzz")' => 'active eq false',
    'not (userName co "nobody") and userName eq "user7@example.com"' => 1, 'title eq "nothing"' => 0, 'displayName co "nothing"' => 0, 'displayName co "山田"' => 0, 'displayName ew "郎"' => 0,
);
for my $filter (sort keys %found) {
    for my $of ([$small, 'small'], [$middle, 'usual'], [$large, 'large']) {
        my ($r, $visited, $whole) = cost($of->[0], '/Users?' . $page . uri($filter));
        my $total = ($found{$filter} =~ / / ? $of->[0]->filter($found{$filter}) : $r)->{json}{totalResults} // -1;
        is $total, $found{$filter}, "$filter finds what there is" if $of->[0] == $large && $found{$filter} =~ /^\d/;
        # Each match is read for the total, and those of the page once more.
        cmp_ok $visited, '<=', 3 * ($total + 20) + 100, "$filter, in the $of->[1] organization: $visited visited for $total";
        is $whole, 0, 'and no row of another one' if $of->[0] == $large;
    }
}
is $large->filter('userName co "ser77"')->{json}{totalResults}, (sql(q{SELECT count(*) FROM scim.account WHERE organization_id = $1 AND user_name ~ 'ser77'}, $large->{id}))[0][0], 'what is found by trigrams is all';

# Everything else that is asked for, with what a provider does: the rows of any table that
# the statements of one request visit, on the average of seven.
sub as_person { my ($of, $path) = @_; return Scim::Test::http()->request(GET => $path, [Authorization => 'Basic ' . MIME::Base64::encode("$of->{issuer_name}:x", '')], undef) }
my $round = 0;
my %request = (
    'GET of a User' => sub { my ($of, $id) = @_; return $of->get("/Users/$id") },
    'PATCH of a User' => sub { my ($of, $id) = @_; return $of->patch_ops($id, { op => 'replace', path => 'displayName', value => 'Person ' . $round++ }) },
    'PUT of a User' => sub { my ($of, $id) = @_; return $of->put("/Users/$id", { schemas => [CORE], userName => 'user2@example.com', title => 'Title ' . $round++ }) },
    'POST and DELETE of a User' => sub { my ($of) = @_; return $of->delete('/Users/' . $of->create(userName => 'made' . $round++ . '@example.com')->{id}) },
    'a bulk request of ten' => sub { my ($of, $id) = @_; return $of->post('/Bulk', { schemas => [BULK], Operations => [map { { method => 'PATCH', path => "/Users/$id", data => { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => 'T' . $round++ }] } } } 1 .. 10] }) },
    'a page of members' => sub { my ($of) = @_; return as_person($of, "/organizations/$of->{key}/api/members") },
    'a search for members' => sub { my ($of) = @_; return as_person($of, "/organizations/$of->{key}/api/members?search=user2") },
    'a page of Activity' => sub { my ($of) = @_; return as_person($of, "/organizations/$of->{key}/api/activity") },
    'the settings' => sub { my ($of) = @_; return as_person($of, "/organizations/$of->{key}/api/settings") },
    'a person at the gate' => sub { my ($of) = @_; my $r = as_person($of, "/gate/$of->{key}/x"); return { %$r, status => $r->{status} == 404 ? 200 : $r->{status} } },
);
my $table = qr/(?:account|account_seen|event|refusal|request|request_hour|token|user_group|membership|organization)/;
for my $name (sort keys %request) {
    for my $of ($small, $middle, $large) {
        my $id = $of->filter('userName eq "user2@example.com"')->{json}{Resources}[0]{id};
        my $r;
        my @plans = query_plans(sub { $r = $request{$name}->($of, $id) for 1 .. 7 }, nested => 1);
        my $visited = 0;
        # Once in sixteen seconds the log of requests is pruned, for which no request waits.
        $visited += visited(s/Query Text:.*?\n(?=\t)//sr, $table) for grep { !/Query Text: DELETE FROM scim\.request r/ } @plans;
        cmp_ok $r->{status}, '<', 300, "$name, in the organization $of->{key}";
        # A search reads up to 700 in the order of the page, and then what has its letters.
        my $found = $name =~ /search/ ? 700 + (sql(q{SELECT count(*) FROM scim.account WHERE organization_id = $1 AND user_name LIKE '%user2%'}, $of->{id}))[0][0] : $name =~ /page/ ? 50 : 10;
        cmp_ok $visited / 7, '<=', 3 * $found + 100, sprintf '%s visits %.0f rows', $name, $visited / 7;
    }
}

# A refusal reads few of those that are kept, but for one in thirty-two.
sql_unchecked(q{INSERT INTO scim.refusal (organization_id, actor_name, method, path, status, detail) SELECT $1::uuid, 'x', 'POST', '/Users', 200 * (1 + n % 2), n FROM generate_series(1, 2000) n}, $large->{id});
sql('ANALYZE scim.refusal');
my @read = sort { $a <=> $b } map { visited(s/Query Text:.*?\n(?=\t)//sr, 'refusal') } grep { /Insert on refusal/ } query_plans(sub { $large->post('/Users', {}) for 1 .. 7 });
is scalar(@read), 7, 'refusals are recorded';
cmp_ok $read[3], '<=', 100, "and most visit few: @read";

# Without a filter, a page is read in its order, and all are counted from an index.
for my $sort ('id', 'userName', 'displayName', 'externalId', 'meta.created', 'meta.lastModified') {
    for my $order ('ascending', 'descending') {
        my ($r, $visited, $whole) = cost($large, "/Users?count=20&sortBy=$sort&sortOrder=$order");
        is $r->{status}, 200, "sortBy $sort";
        cmp_ok $visited, '<=', $most + 1 + 100, 'visits each row once, to count them';
    }
}
my @ids = map { $_->{id} } @{ $large->get('/Users?count=200&sortBy=id')->{json}{Resources} };
is_deeply \@ids, [sort @ids], 'ids are in the order of their texts';
my ($last) = cost($large, '/Users?count=20&startIndex=' . ($most + 2));
is_deeply [$last->{status}, $last->{json}{totalResults}, scalar @{ $last->{json}{Resources} }], [200, $most + 1, 0], 'behind the end is an empty page';

# What no index answers reads its own organization, and nothing else.
for my $filter ('nickName pr', 'not (nickName pr)', 'title ne "Engineer"', 'preferredLanguage eq "ja"', 'userName co "77"', 'displayName co "é"', 'emails.value ew "7"') {
    my ($r, $visited, $whole) = cost($middle, '/Users?' . $page . uri($filter));
    is $r->{status}, 200, "$filter is answered";
    cmp_ok $visited, '<=', 2 * ($usual + 20) + 1, 'from its own organization';
    is $whole, 0, 'alone';
}

# Behind a cursor, few matches are found by the filter, and many on the way.
for my $filter ('nickName eq "nick"', 'title eq "engineer"') {
    my $list = '/Users?count=5&sortBy=userName&filter=' . uri($filter) . '&cursor=';
    my $first = $large->get($list)->{json};
    my ($r, $visited) = cost($large, $list . $first->{nextCursor});
    is $r->{status}, 200, "$filter behind a cursor";
    my $bound = $first->{totalResults} < $most / 2 ? $first->{totalResults} : 5;
    cmp_ok $visited, '<=', 3 * ($bound + 5) + 100, "visits $visited";
}

# A walk by startIndex: far from the beginning, a page is found like one by cursor.
my $walk = $LARGE ? 250_000 : 10_000;
my %time;
sub page { my ($start) = @_; my $begin = Time::HiRes::time(); my $r = $large->get("/Users?count=100&startIndex=$start"); push @{ $time{$start} }, Time::HiRes::time() - $begin; return $r->{json}{Resources} }
my $step = $LARGE ? $walk - 500 : $walk - 600;
page($_ * 100 + 1) for 0 .. 2;
my %seen;
my $twice = 0;
for (my $start = $step + 1; $start <= $walk; $start += 100) { $twice += grep { $seen{ $_->{id} }++ } @{ page($start) } }
is $twice, 0, 'no resource comes twice';
is scalar(keys %seen), $LARGE ? 500 : 600, 'nor is one missing';
my @expected = map { $_->[0] } sql("SELECT id FROM scim.account WHERE organization_id = \$1 ORDER BY created_at, id OFFSET $step LIMIT " . ($walk - $step), $large->{id});
is_deeply [sort keys %seen], [sort @expected], 'they are the ones that are there in order';
# Whoever reads page by page stops where the total is, so a page that comes to it is
# counted anew.
page($most - 99);
sql_unchecked(q{INSERT INTO scim.account (organization_id, user_name, display_name) SELECT $1::uuid, 'more' || n, 'More' FROM generate_series(1, 150) n}, $large->{id});
is $large->get('/Users?count=100&startIndex=' . ($most + 1))->{json}{totalResults}, $most + 151, 'what has come meanwhile is counted';
if ($LARGE) {
    my ($first, $far) = map { (sort { $a <=> $b } @{ $time{$_} })[0] } 1, $walk - 99;
    cmp_ok $far, '<', 3 * $first, 'page 2,500 takes at most three times as long as page 1' and note sprintf '%.1f and %.1f ms', 1000 * $first, 1000 * $far;
    for my $case (['filter=' . uri('emails.value ew "zz"'), qr/No index answers the filter, because of 'emails\.value'.* What helps: .*eq of an attribute/], ['filter=' . uri('title eq "Engineer"'), qr/Too many resources match the filter to count them/],
                  ['filter=' . uri('nickName pr')], ['sortBy=title', qr/No index has the order of 'title'/]) {
        my ($query, $like) = @$case;
        my $begin = Time::HiRes::time();
        my $r = $large->get("/Users?count=10&$query");
        cmp_ok Time::HiRes::time() - $begin, '<', 2.5, "$query is answered in time";
        next if $r->{status} == 200;
        is_error($r, 400, 'tooMany', 'or refused');
        like $r->{json}{detail}, $like, 'with what helps';
    }
}

# What is written to GIN waits in a list that each search reads.
sql_unchecked(q{INSERT INTO scim.account (organization_id, user_name, display_name, attributes)
                SELECT $1::uuid, 'cycle' || n || '@example.com', 'Cycle', jsonb_build_object('title', 'Cycle ' || n, 'nickName', 'nick' || n, 'emails', jsonb_build_array(jsonb_build_object('type', 'work', 'value', 'cycle' || n || '@example.com'))) FROM generate_series(1, 5000) n}, $small->{id});
for my $where (q{scim.fold_json(attributes) @> '{"title":"cycle 77"}'}, q{(scim.account_grams(user_name, display_name, attributes) COLLATE "C") @> '{cyc,ycl,cle,le7,e77}'}) {
    my ($blocks) = join("\n", map { $_->[0] } sql("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) SELECT FROM scim.account WHERE organization_id = '$middle->{id}' AND $where")) =~ /Bitmap Index Scan.*?shared hit=(\d+)/s;
    cmp_ok $blocks, '<', 64, 'a search without a vacuum since five thousand accounts';
}

# Who has a name among many is found, or the database is too busy: that is no reason to
# ask for something else.
sql_unchecked(q{INSERT INTO scim.account (organization_id, user_name, display_name, external_id) SELECT $1::uuid, 'busy' || n, 'Busy', 'busy' || n FROM generate_series(1, 20100) n}, $small->{id});
$small->filter('externalId eq "busy7"') for 1 .. 2;
for my $case ([$small, 'externalId eq "busy7"'], [$large, 'emails[type eq "work"].value eq "mail7@example.com"']) {
    my ($of, $filter) = @$case;
    my $holder = Scim::Process->start([server()->psql('-qAtX')], in => 'pipe', out => 'pipe');
    $holder->say("BEGIN; LOCK TABLE scim.account; SELECT 'held'; SELECT pg_sleep(3); COMMIT;");
    $holder->line;
    is $of->filter($filter)->{status}, 503, "$filter, which has to wait";
    $holder->close_input;
    $holder->wait;
    is $of->filter($filter)->{json}{totalResults}, 1, 'and finds it later';
}

# Trigrams decide nothing by themselves: the same is found as by reading.
my $names = organization(profile => 'open');
my $long = 'x' x 250;
my @name = ('Straße 12', "Jose\x{301}phine", 'ﬁnley', "\x{212A}elvin", 'O\'Hara-Smith', 'a+b_c.d@example.com', '山田 太郎', '山田太郎', '中山 花子abc', 'タナカ ハナコ', 'さとう', "か\x{FF9E}くか\x{3099}", "カ\x{FF9E}ガカ\x{3099}", "\x{FA19}社", 'ﾀﾅｶ', 'ｶﾞﾝﾀﾞﾑ abc', 'TABLE', 'ÇABÇ def', "mc\x{130}nt", 'one two three', 'ab1½cd', 'ı ISTANBUL');
$names->create(userName => "n$_\@example.com", displayName => $name[$_], name => { familyName => $name[$_] }, nickName => "Nick $name[$_]") for 0 .. $#name;
my $many = $names->create(userName => 'many@example.com', displayName => 'Many', emails => [map { { value => "address$_-$long\@example.com", type => 'other' } } 1 .. 8])->{id};
is_deeply [map { $_->{id} } @{ $names->filter('emails.value co "address8"')->{json}{Resources} }], [$many], 'what is far behind in a long list of addresses';
is_deeply [map { $_->{id} } @{ $names->filter('emails[type eq "other" and value sw "ADDRESS8"]')->{json}{Resources} }], [$many], 'also in brackets';
my %value_of = (displayName => 'display_name', 'name.familyName' => q(attributes #>> '{name,familyName}'), nickName => q(attributes ->> 'nickName'), userName => 'user_name');
my %is_there = (co => 'strpos(VALUE, PART) > 0', sw => 'starts_with(VALUE, PART)', ew => 'right(VALUE, length(PART)) = PART');
my $there = join(' UNION ALL ', map {
    my $attribute = $_;
    my $key = $attribute eq 'userName' ? 'scim.user_name_key' : 'scim.fold';
    map { "SELECT '$attribute $_', user_name FROM scim.account WHERE organization_id = \$1 AND " . $is_there{$_} =~ s/VALUE/$key($value_of{$attribute})/r =~ s/PART/$key(\$2)/gr } keys %is_there;
} keys %value_of);
for my $text ('ass', 'sse', 'STRASSE', 'phine', 'fin', 'inley', 'kel', 'hara-s', 'hara', 'b_c.d', 'example', 'ple.com', 'abl', 'cab', 'two three', 'e two', 'cnt', 'mci', 'bull', 'ist', 'nick o', 'abc', 'def', 'zzz', '1 2', '___', '%%%', 'ab1', '2cd', '山', '田', '山田', '山田太', '山田 太', '山田太郎', '花子', '子a', '子abc', 'タナ', 'タナカ', 'ナカ ハ', 'さと', 'う', 'と', 'か', 'かく', 'くか', 'が', 'がく', 'カ', 'ガカ', 'ガ', 'カガ', '神社', "\x{FA19}", 'ﾀﾅ', 'タ', "jose\x{301}", 'josép', 'jos', 'weiß', 'raße', "mc\x{130}", 'abç', 'istanbul') {
    my %there;
    push @{ $there{ $_->[0] } }, $_->[1] for sql($there, $names->{id}, $text);
    for my $filter (map { my $attribute = $_; map { "$attribute $_" } sort keys %is_there } sort keys %value_of) {
        my $found = [sort map { $_->{userName} } @{ $names->get('/Users?attributes=userName&filter=' . uri(qq($filter "$text")))->{json}{Resources} }];
        is_deeply $found, [sort @{ $there{$filter} || [] }], "$filter \"$text\" finds what reading each finds: @$found";
    }
}
done_testing;
