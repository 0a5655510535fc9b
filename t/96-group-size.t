# SPDX-License-Identifier: Apache-2.0
# Large groups: 50,000 members are written and read in time and without waste;
# requests and answers that are too large are refused, never shortened.
# SCIM_TEST_MILLION=1 with SCIM_TEST_LIMIT=1200 for a group of a million, too.
use strict;
use warnings;
use lib 't/lib';
use Scim::Groups;
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(time);

# Its children serve only this file, with few threads.
my $server = own_server(threads => 2, conf => <<'CONF');
<Location /few>
    SetHandler scim
    SCIMMaxMembers 100
    SCIMMaxGroupBodySize 20000
    Require all granted
</Location>
CONF
my $org = organization();
my $MANY = 50_000;

sub body {
    my ($name, @ids) = @_;
    return qq({"schemas":["@{[GROUP]}"],"displayName":"$name","members":[)
        . join(',', map { qq({"value":"$_","display":"test.user\@okta.local"}) } @ids) . ']}';
}

# A large answer is counted, not parsed: that would take longer than all the rest.
sub large {
    my ($method, $path, $body) = @_;
    my $r = Scim::Test::http()->request($method, $org->path . $path, [Authorization => "Bearer $org->{token}",
        defined $body ? ('Content-Type' => 'application/scim+json') : ()], $body);
    $r->{ids} = [$r->{content} =~ /\{"value":"([0-9a-f-]{36})"/g];
    return $r;
}
sub timed { my ($code) = @_; my $start = time; my $r = $code->(); return ($r, time - $start) }
sub number_of { my ($r) = @_; my $list = ($r->{json} || {})->{members}; return $list ? scalar @$list : undef }

# The largest child.
sub memory {
    my @kb;
    for my $child (split ' ', Scim::Process::run(['pgrep', '-P', $server->httpd_pid])->{out}) {
        open my $in, '<', "/proc/$child/status" or next;
        while (<$in>) { push @kb, $1 if /^VmRSS:\s+(\d+)/ }
    }
    return (sort { $b <=> $a } @kb)[0];
}

# The versions of the group's rows: a row that is written again has another one.
sub rows_of {
    my ($id) = @_;
    return { map { ("@$_" => 1) } sql('SELECT account_id, ctid, xmin FROM scim.membership WHERE group_id = $1', $id),
                                  sql('SELECT id, ctid, xmin FROM scim.user_group WHERE id = $1', $id) };
}

my @many = accounts($org, $MANY + 50);
my @first = @many[0 .. $MANY - 1];
my $group = group($org);
my ($id, $name) = @$group{qw(id displayName)};

# Reading: the members are written with SQL, so the child has had no large request.
sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id) SELECT $1, $2, id FROM scim.account
      WHERE organization_id = $1 AND id <> ALL ($3::uuid[])}, $org->{id}, $id, '{' . join(',', $org->{issuer},
      @many[$MANY .. $MANY + 49]) . '}');
$org->get('/Users?count=1') for 1 .. 20;
my $normal = memory();
my ($r, $seconds) = timed(sub { large(GET => "/Groups/$id") });
my %seen = map { $_ => 1 } @{ $r->{ids} };
is_deeply [$r->{status}, scalar @{ $r->{ids} }, scalar keys %seen], [200, $MANY, $MANY],
    'GET of 50,000 members has each of them once';
cmp_ok $seconds, '<', 3, 'below a second, or three on a busy machine';
note sprintf 'GET of 50,000: %.2f s, %d bytes', $seconds, length $r->{content};
my $once = memory();
large(GET => "/Groups/$id") for 1 .. 7;
my $often = memory();
cmp_ok $once - $normal, '<', 32_000, 'and the memory of the child grows by less than 32 MB';
cmp_ok $often - $normal, '<', 32_000, 'after seven more as well';
note "child: $normal kB, $once kB after one GET, $often kB after seven more";

# Writing
my $before = rows_of($id);
my $events = event_count($org);
my $meta = version_of($org, $id);
($r, $seconds) = timed(sub { large(PUT => "/Groups/$id", body($name, reverse @first)) });
is $r->{status}, 200, 'PUT of 50,000 members that are there' or diag substr $r->{content}, 0, 500;
is scalar @{ $r->{ids} }, $MANY, 'answers with all of them';
is_deeply [grep { !$before->{$_} } keys %{ rows_of($id) }], [], 'writes no row';
is event_count($org), $events, 'and no event';
is version_of($org, $id), $meta, 'version and time stay';
# Another process may delay one of two.
my $again = (timed(sub { large(PUT => "/Groups/$id", body($name, @first)) }))[1];
$seconds = $again if $again < $seconds;
cmp_ok $seconds, '<', 4, 'in less than two seconds, or four on a busy machine';
note sprintf 'PUT of 50,000 unchanged: %.2f s', $seconds;

($r, $seconds) = timed(sub { large(PUT => "/Groups/$id", body($name, @many[50 .. $MANY + 49])) });
is $r->{status}, 200, 'PUT with 50 removed and 50 added';
my $after = rows_of($id);
is scalar(grep { !$before->{$_} } keys %$after), 51, 'writes 50 rows of members, and the group';
is scalar(grep { !$after->{$_} } keys %$before), 51, 'and removes as many';
my ($changed) = map { JSON::PP::decode_json($_->[0]) }
    sql(q{SELECT data FROM scim.event WHERE organization_id = $1 AND resource_id = $2 ORDER BY sequence DESC LIMIT 1},
        $org->{id}, $id);
is_deeply [map { [sort @{ $changed->{$_} || [] }] } qw(removed added)],
    [[sort @many[0 .. 49]], [sort @many[$MANY .. $MANY + 49]]],
    'its event has only these 100';
cmp_ok $seconds, '<', 4, 'in less than two seconds, or four on a busy machine';
note sprintf 'PUT of 50,000 with 100 changes: %.2f s', $seconds;

is large(PUT => "/Groups/$id", body($name))->{status}, 200, 'PUT of none';
is_deeply [sql('SELECT count(*) FROM scim.membership WHERE group_id = $1', $id)], [[0]], 'removes all';
($r, $seconds) = timed(sub { large(PUT => "/Groups/$id", body($name, @first)) });
is_deeply [$r->{status}, scalar @{ $r->{ids} }], [200, $MANY], 'PUT of 50,000 new members';
cmp_ok length body($name, @first), '>', 4_000_000, 'in a body of more than 4 MB';
cmp_ok $seconds, '<', 10, 'in a few seconds';
note sprintf 'PUT of 50,000: %.2f s', $seconds;
my $pieces = (sql(q{SELECT max(jsonb_array_length(coalesce(data -> 'added', '[]'))
                             + jsonb_array_length(coalesce(data -> 'removed', '[]')))
    FROM scim.event WHERE organization_id = $1 AND resource_id = $2}, $org->{id}, $id))[0][0];
cmp_ok $pieces, '<=', 1000, 'no event has more than 1,000 ids';
# Each thread keeps some memory of its first PUT; a leak would take more each time.
my ($grown, @growth) = (memory());
do {
    large(PUT => "/Groups/$id", body($name, reverse @first)) for 1 .. 2;
    push @growth, memory() - $grown;
    $grown += $growth[-1];
} until $growth[-1] < 1000 || @growth == 6;
cmp_ok $growth[-1], '<', 1000, 'no memory is kept with each PUT' or diag "kB in each two: @growth";
cmp_ok $grown - $normal, '<', 64_000, 'and the first ones keep less than 64 MB';
note "child: $grown kB after PUTs";

($r, $seconds) = timed(sub { $org->get("/Groups/$id?excludedAttributes=members") });
is_deeply [$r->{status}, number_of($r)], [200, undef], 'GET without members';
cmp_ok $seconds, '<', 0.5, 'reads none of them';
is $org->get("/Groups/$id", headers => { 'If-None-Match' => $r->{headers}{etag} })->{status}, 304,
    '304 is answered without them';

# Small changes of a large group
sub slowest_of {
    my ($target, @ids) = @_;
    my @times;
    for my $member (@ids) {
        my ($added, $time) = timed(sub { change_group($org, $target, add_members($member)) });
        push @times, $time;
        is $added->{status}, 204, 'one member more' if $added->{status} != 204;
    }
    return (sort { $a <=> $b } @times)[@times / 2];
}
my $few = group($org, members => [@many[50 .. 59]])->{id};
my ($in_small, $in_large) = (slowest_of($few, @many[0 .. 20]), slowest_of($id, @many[$MANY .. $MANY + 20]));
cmp_ok $in_large, '<', 3 * $in_small + 0.01, 'one more member costs the same, whether there are 10 or 50,000';
note sprintf 'one addition: %.1f ms at 10 members, %.1f ms at 50,000', 1000 * $in_small, 1000 * $in_large;

# A small group beside the large one, once PostgreSQL knows how large it is
sql('ANALYZE');
my @plans = map { s/Query Text:.*//r } query_plans(sub { $org->get("/Groups/$few") for 1, 2 });
is_deeply [grep { /(?:Seq|Bitmap Heap) Scan on account/ } @plans], [],
    'GET of a small group reads no account but its members'
    or diag @plans;
@plans = map { s/Query Text:.*//r } query_plans(sub { $org->get("/Users/$many[5]") });
is_deeply [grep { /(?:Seq|Bitmap Heap) Scan on (?:account|membership)/ } @plans], [],
    'GET of a User reads no membership but his own'
    or diag @plans;

# Paging the members as Users
my $page = $org->get('/Users?count=100&attributes=userName&cursor=&filter=' . uri("groups.value eq \"$id\""))->{json};
is_deeply [$page->{totalResults}, scalar @{ $page->{Resources} || [] }], [$MANY + 21, 100],
    'the members are paged as Users';
my $next = $org->get("/Users?count=100&attributes=userName&cursor=$page->{nextCursor}&filter="
    . uri("groups.value eq \"$id\""))->{json};
my %first_page = map { $_->{id} => 1 } @{ $page->{Resources} };
is_deeply [scalar(@{ $next->{Resources} || [] }), grep { $first_page{ $_->{id} } } @{ $next->{Resources} || [] }],
    [100], 'page after page';

# Too many for an answer: SCIMMaxMembers is 100 here.
sub few { my ($method, $path, $body) = @_; return $org->request($method, $path, body => $body, profile => 'few') }
my $hundred = group($org, displayName => 'Hundred', members => [@many[0 .. 99]])->{id};
my $sixty = group($org, displayName => 'Sixty', members => [@many[0 .. 59]])->{id};
is_deeply [map { $_->{status}, number_of($_) } few(GET => "/Groups/$hundred")], [200, 100],
    'an answer of as many members as are allowed';
change_group($org, $hundred, add_members($many[100]));
my $refused = few(GET => "/Groups/$hundred");
is_error($refused, 400, 'tooMany', 'of one more it is refused');
like $refused->{json}{detail}, qr/excludedAttributes=members/, 'and says one way out';
like $refused->{json}{detail}, qr/groups\.value|filter/, 'and the other';
is few(GET => "/Groups/$hundred?$_")->{status}, 200, "GET?$_ is answered" for 'excludedAttributes=members',
    'attributes=displayName';
is_error(few(GET => "/Groups/$hundred?attributes=members"), 400, 'tooMany', 'attributes=members is refused');
change_group($org, $hundred, bracket($many[100]));
my $both = 'filter=' . uri('displayName eq "Hundred" or displayName eq "Sixty"');
is_error(few(GET => "/Groups?$both"), 400, 'tooMany', 'ERR-05, PAGE-15: a list whose members together are too many is refused');
is few(GET => "/Groups?$both&$_")->{status}, 200, "the list with $_ is answered" for 'excludedAttributes=members',
    'count=1', 'attributes=displayName';
is_error(few(POST => '/Groups/.search', { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'],
    filter => 'displayName eq "Hundred" or displayName eq "Sixty"' }),
         400, 'tooMany', 'ERR-05: so is .search');
is few(PATCH => "/Groups/$hundred", { schemas => [PATCHOP], Operations => [add_members($many[100])] })->{status}, 204,
    'a PATCH whose answer has no members is done';
is_deeply [sql('SELECT count(*) FROM scim.membership WHERE group_id = $1', $hundred)], [[101]], 'with its member';
my $kept = members($org, $sixty);
my $put = few(PUT => "/Groups/$sixty", { schemas => [GROUP], displayName => 'Sixty',
    members => refs(@many[0 .. 100]) });
is_deeply members($org, $sixty), $put->{status} == 200 ? [sort @many[0 .. 100]] : $kept,
    'a PUT of too many for its answer is refused as a whole, or done';
is number_of($put), 101, 'and shows all then' if $put->{status} == 200;
is_error($put, 400, 'tooMany', 'or says why not') if $put->{status} != 200;

# Bodies: the limit for groups is 20,000 bytes here; Users have their own limit.
my $large = body('Too large', @many[0 .. 249]);
is_error($org->post('/Groups', $large, profile => 'few'), 413, undef, 'a body above SCIMMaxGroupBodySize is refused');
is_error($org->put("/Groups/$sixty", $large, profile => 'few'), 413, undef, 'of PUT as well');
is_error($org->patch("/Groups/$sixty", { schemas => [PATCHOP], Operations => [add_members(@many[0 .. 499])] },
    profile => 'few'), 413, undef, 'and of PATCH');
is_groups($org->get('/Groups?excludedAttributes=members&filter=' . uri('displayName eq "Too large"')), [],
    'and stores nothing');
is $org->post('/Users', { schemas => [CORE], userName => user_name(), displayName => 'x', title => 'x' x 30_000 },
    profile => 'few')->{status}, 201, 'a User may be as large as before';
is_error($org->post('/Users', { schemas => [CORE], userName => user_name(), displayName => 'x', title => 'x'
    x 1_100_000 }), 413, undef, 'and no larger, whatever groups may be');
is_error($org->put("/Groups/$id", body($name, @first) . ' ' x 17_000_000), 413, undef,
    'by default, a body above 16 MiB is refused');
is $org->put("/Groups/$few", body('Few', @many[0 .. 9]) . ' ' x 15_000_000)->{status}, 200, 'and one of 15 MB is taken';

# Other requests do not become slower.
sub of_others {
    my ($other, $account, $small) = @_;
    my %request = (
        'GET of a User' => sub { $other->get("/Users/$account") },
        'a match of a User' => sub { $other->filter('userName eq "nobody@example.com"') },
        'GET of a group' => sub { $other->get("/Groups/$small") },
        'a match of a group' => sub { $other->get('/Groups?filter=' . uri('displayName eq "x"')) },
        'a list of groups' => sub { $other->get('/Groups?count=20&excludedAttributes=members') },
        'PATCH of a group' => sub {
            change_group($other, $small, add_members($account), bracket($account),
                         { op => 'replace', path => 'externalId', value => random_name() });
        },
    );
    return map {
        my $kind = $_;
        my @times = sort { $a <=> $b } map { (timed($request{$kind}))[1] } 1 .. 15;
        ($kind => $times[7]);
    } sort keys %request;
}
SKIP: {
    skip 'SCIM_TEST_MILLION is not set', 1 unless $ENV{SCIM_TEST_MILLION};
    local $Scim::Process::LIMIT = 900;
    my @others = map { my ($account) = accounts($_, 1); [$_, $account, group($_)->{id}] } organization(), $org;
    sql('ANALYZE');
    my @without = map { +{ of_others(@$_) } } @others;
    my $million = group($org, displayName => 'Million')->{id};
    sql_unchecked(<<'SQL', $org->{id}, $million);
INSERT INTO scim.account (organization_id, user_name, display_name)
SELECT $1, 'million' || n || '@example.com', 'Person ' || n FROM generate_series(1, 1000000) n;
INSERT INTO scim.membership (organization_id, group_id, account_id)
SELECT organization_id, $2, id FROM scim.account WHERE organization_id = $1 AND user_name LIKE 'million%'
SQL
    sql('ANALYZE');
    my @with = map { +{ of_others(@$_) } } @others;
    for my $i (0, 1) {
        my $whose = ('another organization', 'the same organization')[$i];
        for my $kind (sort keys %{ $with[$i] }) {
            cmp_ok $with[$i]{$kind}, '<', 2 * $without[$i]{$kind} + 0.005,
                "a million members leave $kind alone in $whose"
                or diag sprintf '%.1f ms, %.1f ms before', 1000 * $with[$i]{$kind}, 1000 * $without[$i]{$kind};
        }
    }
    is_error($org->get("/Groups/$million"), 400, 'tooMany', 'a million members in an answer are refused');
    cmp_ok memory(), '<', $grown + 64_000, 'without much memory';
    my $added = change_group($org, $million, add_members($many[0]));
    is_done($added, 'one more member than a million');
    is_done(change_group($org, $million, bracket($many[0])), 'and one fewer');
    is +(timed(sub { $org->get("/Groups/$million?excludedAttributes=members") }))[0]{status}, 200,
        'GET without members is answered';
    my $users = $org->get('/Users?count=100&attributes=userName&cursor=&filter='
        . uri("groups.value eq \"$million\""))->{json};
    is $users->{totalResults}, 1_000_000, 'the members are paged as Users';
}
done_testing;
