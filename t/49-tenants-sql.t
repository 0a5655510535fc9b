# SPDX-License-Identifier: Apache-2.0
# Organizations of very different sizes in one database, which share their values:
# no request to one reads a row of another, with custom and with generic plans.
# SCIM_TEST_TENANTS=10 has ten times as many accounts.
use strict;
use warnings;
use lib 't/lib';
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

my $TIMES = $ENV{SCIM_TEST_TENANTS} || 1;
# Its plans are read; the log of requests is written meanwhile, for all organizations.
my $server = own_server(conf => "SCIMRequestLog Off\n");
my %org = map { $_ => organization(profile => 'open') } qw(big middle small);
my %accounts = (big => 20_000 * $TIMES, middle => 2_000 * $TIMES, small => 3);

# All accounts have one of two hundred titles and of three departments, one in a
# hundred a certain family name, and an address.  An organization has as many events
# as accounts; the events of all organizations alternate in time.
my $ACCOUNTS = <<'SQL';
INSERT INTO scim.account (organization_id, user_name, display_name, external_id, preferred_language, role, active, managed, provisioned_at, attributes)
SELECT o.id, 'user' || n || '@example.com', 'Display ' || n, 'external' || n, 'en', CASE WHEN n % 50 = 1 THEN 'ADMIN' ELSE 'USER' END, n % 20 <> 0, n % 30 <> 0,
       CASE WHEN n % 2 = 0 THEN now() END, jsonb_build_object('title', 'Title ' || n % 200, 'name', jsonb_build_object('familyName', 'Family' || n % 100, 'givenName', 'Given' || n),
           'emails', jsonb_build_array(jsonb_build_object('type', 'work', 'value', 'user' || n || '@example.com')),
           'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User', jsonb_build_object('department', 'Department ' || n % 3))
SQL
sql(q{INSERT INTO scim.organization (key, name) SELECT 'tiny' || n, 'Tiny' FROM generate_series(1, 400) n});
sql("$ACCOUNTS FROM scim.organization o, generate_series(1, \$2::int) n WHERE o.id = \$1", $org{$_}{id}, $accounts{$_} - 1) for sort keys %org;
sql("$ACCOUNTS FROM scim.organization o, generate_series(1, 3) n WHERE o.key LIKE 'tiny%'");
sql(<<'SQL');
INSERT INTO scim.event (organization_id, account_id, kind, actor_kind, actor_name, version, data)
SELECT organization_id, id, 'urn:ietf:params:scim:event:prov:patch:full', 'operator', 'test', 1, '{"after": {"title": "x"}}' FROM scim.account ORDER BY id;
INSERT INTO scim.token (organization_id, issuer, name, prefix, hash)
SELECT organization_id, min(id::text)::uuid, 'token', 'x', sha256(organization_id::text::bytea) FROM scim.account WHERE role = 'ADMIN' AND active GROUP BY 1;
INSERT INTO scim.refusal (organization_id, user_name, actor_name, method, path, status, detail)
SELECT o.id, 'user' || n || '@example.com', 'x', 'POST', '/Users', 409, 'x' FROM scim.organization o, generate_series(1, 5) n ORDER BY random();
SQL
sql('VACUUM ANALYZE');

sub setting {
    my ($name, $value) = @_;
    $server->run(0, $server->psql('-U', 'postgres', '-c', "ALTER SYSTEM SET $name = $value", '-c', 'SELECT pg_reload_conf()'));
}
setting('log_line_prefix', q{'%m [%p] %u '});
setting("auto_explain.$_->[0]", $_->[1]) for ['log_analyze', 'on'], ['log_timing', 'off'], ['log_min_duration', 0];

# The plans of httpd's statements since the last call, without the one that looks for
# tokens that end soon: it is for all organizations, and no request waits for it.
my $position = 0;
sub plans {
    open my $in, '<', "$server->{pgdata}/server.log" or die $!;
    seek $in, $position, 0;
    my $text = do { local $/; <$in> };
    $position = tell $in;
    return grep { /^\S+ \S+ \S+ \[\d+\] scim LOG:  duration/ && /scim\./ && !/token:expiring/ } split /^(?=\S+ \S+ \S+ \[\d+\])/m, $text // '';
}

sub own_rows {
    my ($of) = @_;
    return { map { $_ => (sql("SELECT count(*) FROM scim.$_ WHERE organization_id = \$1", $of->{id}))[0][0] } qw(account event token refusal) };
}

# One organization's part of an index: from one end to the other, or a part of it.
my $WALL = qr/Index Cond: .*(?:\borganization_id = |\borganization_id >= (\S+)\) AND \(organization_id <= \1\)|ROW\(organization_id, .*> ROW.*ROW\(organization_id, .*< ROW)/;

# The scans of the tables that organizations share: the kind of each, and the number
# of rows that it read.
sub scans {
    my ($plan) = @_;
    my @scans;
    my $on = qr/(account|event|token|refusal)/;
    while ($plan =~ /^\t *(?:->  )?((?:Parallel )?(?:Seq|Index|Index Only|Bitmap Heap) Scan (?:Backward )?(?:using (\S+) )?on $on\b[^\n]*|Bitmap Index Scan on ${on}_[^\n]*)\n((?:(?!.*(?:->|SubPlan|InitPlan|CTE )).*\n)*)/gm) {
        my ($node, $table, $more) = ($1, $3 // $4, $5);
        next if $node =~ /never executed/;
        my ($rows, $loops) = $node =~ /actual rows=(\d+) loops=(\d+)/ or die "no rows in: $node";
        my ($removed) = $more =~ /Rows Removed by Filter: (\d+)/;
        push @scans, { node => $node, table => $table, rows => $rows + ($removed // 0), all => ($rows + ($removed // 0)) * $loops,
                       is_walled => $node =~ /Bitmap Heap/ || $more =~ $WALL ? 1 : 0 };
    }
    return @scans;
}

# The statements of code read only the organization's own rows.
my ($visited, $own) = (0);
sub stays_inside {
    my ($name, $code) = @_;
    plans();
    $code->();
    my @plans = plans();
    my ($scans, @bad) = (0);
    $visited = 0;
    for my $plan (@plans) {
        my $nodes = $plan =~ s/Query Text:.*?(?=\n\t\S)//sr;
        for (scans($nodes)) {
            $scans++;
            $visited += $_->{all};
            push @bad, "$_->{node}\n$plan" if !$_->{is_walled} || $_->{rows} > $own->{ $_->{table} } + 20;
        }
    }
    return ok($scans && !@bad, $name) || diag $bad[0] // "no scan was logged: @plans";
}

my %header = map { $_ => 'Basic ' . MIME::Base64::encode("$org{$_}{issuer_name}:x", '') } keys %org;
sub page {
    my ($size, $path, $method, $body) = @_;
    my $r = Scim::Test::http()->request($method // 'GET', "/organizations/$org{$size}{key}/api/$path",
        [Authorization => $header{$size}, Origin => $server->{url}, 'Content-Type' => 'application/json'], $body);
    $r->{status} < 300 or die "$path: $r->{status} $r->{content}";
    return $r;
}
sub succeeds { my ($r) = @_; $r->{status} < 300 or die $r->{content}; return $r }

my @FILTERS = ('userName eq "USER7@example.com"', 'externalId eq "external2"', 'title eq "Title 1"', 'title eq "title 2" and active eq true', 'name.familyName eq "Family1"', 'roles.value eq "ADMIN"',
    'emails[type eq "work"].value eq "user1@example.com"', 'emails.type eq "work"', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Department 1"',
    'userName sw "user1"', 'displayName sw "Display 2"', 'userName co "r1@"', 'userName ew "2@example.com"', 'displayName co "1"', 'emails.value co "user2"', 'title pr', 'not (title eq "Title 1")',
    'userName ne "user1@example.com"', 'active eq false', 'active eq true', 'meta.lastModified gt "2020-01-01T00:00:00Z"', 'title gt "Title 1"', 'userName eq "user1@example.com" or title eq "Title 2"');
my @SORTS = qw(userName displayName externalId meta.created meta.lastModified title name.familyName emails roles active id preferredLanguage);

sub read_all {
    my ($size, $with) = @_;
    my $of = $org{$size};
    my $get = sub { my ($path) = @_; return sub { return succeeds($of->get($path))->{json} } };
    my $is = sub { my ($name, $path) = @_; stays_inside("$size, $with: $name", $get->($path)) };
    $own = own_rows($of);
    $is->("filter $_", '/Users?count=5&filter=' . uri($_)) for @FILTERS;
    for my $sort (@SORTS) {
        $is->("sorted by $sort", "/Users?count=2&sortBy=$sort");
        my $next = $get->("/Users?count=2&sortBy=$sort&cursor")->()->{nextCursor} // next;
        $is->("the next page by $sort", "/Users?count=2&sortBy=$sort&cursor=" . uri($next));
    }
    $is->("GET $_", $_) for '/Users', '/Users?count=0', '/Users?startIndex=3&count=2', '/Roles', '/Roles/ADMIN', "/Users/$of->{issuer}";
    for my $path ('members', 'members?role=ADMIN&label=managed', 'counts', 'activity', 'activity?account=user1%40example.com', 'activity?outcome=refused', 'activity?outcome=guest', "members/$of->{issuer}", 'settings') {
        stays_inside("$size, $with: the page's $path", sub { page($size, $path) });
    }
    for my $search (qw(user1%40example.com Family1 external2 display nobody), $of->{issuer}) {
        stays_inside("$size, $with: a search for $search", sub { page($size, "members?search=$search") });
        cmp_ok $visited, '<=', $search =~ /display|Family/ ? 6_500 : 100, 'which reads what it finds, and of those not more than it may';
    }
}

sub write_all {
    my ($size, $with) = @_;
    my $of = $org{$size};
    my $user = $of->create;
    my $round = 0;
    $own = own_rows($of);
    my $path = "/Users/$user->{id}";
    my %write = (
        POST => sub { $of->create },
        'POST of a name that is taken' => sub { $of->post('/Users', { schemas => [CORE], userName => $user->{userName} }) },
        PATCH => sub { succeeds($of->patch_ops($user->{id}, { op => 'replace', path => 'title', value => 'T' . $round++ })) },
        'PATCH of active' => sub { succeeds($of->patch_ops($user->{id}, { op => 'replace', path => 'active', value => $round++ % 2 ? TRUE : FALSE })) },
        'PATCH of the issuer' => sub { $of->patch_ops($of->{issuer}, { op => 'replace', path => 'active', value => FALSE }) },
        PUT => sub { succeeds($of->put($path, { schemas => [CORE], userName => $user->{userName}, title => 'P' . $round++ })) },
        DELETE => sub { succeeds($of->delete('/Users/' . $of->create->{id})) },
        'Bulk' => sub { succeeds($of->post('/Bulk', { schemas => [BULK], Operations => [map { { method => 'POST', path => '/Users', bulkId => "b$_", data => { schemas => [CORE], userName => user_name() } } } 1 .. 3] })) },
        'a token' => sub { my $made = page($size, 'tokens', 'POST', '{"name": "x"}'); page($size, "tokens/" . JSON::PP::decode_json($made->{content})->{id}, 'DELETE') },
    );
    stays_inside("$size, $with: $_", $write{$_}) for sort keys %write;
}

for my $mode ('force_custom_plan', 'force_generic_plan') {
    setting('plan_cache_mode', $mode);
    for my $size (qw(small middle big)) {
        (my $with = $mode) =~ s/force_(\w+)_plan/$1 plans/;
        read_all($size, $with);
        write_all($size, $with);
    }
}
setting('plan_cache_mode', 'auto');

# Repeated searches
$own = own_rows($org{big});
stays_inside('a search that is asked ten times', sub { page('big', 'members?search=user777%40example.com') for 1 .. 10 });
cmp_ok $visited, '<=', 10 * 10, 'reads what it finds each time';

# scimctl
my $scimctl = sub { my (@arguments) = @_; return Scim::Process::run(["$ENV{PWD}/scimctl/scimctl", '--db', "host=$server->{pghost} dbname=scim user=scim", @arguments]) };
for my $size (qw(small middle big)) {
    my $of = $org{$size};
    $own = own_rows($of);
    my ($middle) = map { $_->[0] } sql('SELECT sequence FROM scim.event WHERE organization_id = $1 ORDER BY sequence OFFSET (SELECT count(*) / 2 FROM scim.event WHERE organization_id = $1) LIMIT 1', $of->{id});
    my ($last) = map { $_->[0] } sql('SELECT max(sequence) FROM scim.event WHERE organization_id = $1', $of->{id});
    for my $mode ('force_custom_plan', 'force_generic_plan') {
        setting('plan_cache_mode', $mode);
        my $events;
        for my $after (0, $middle, $last) {
            stays_inside("$size, $mode: its events behind $after", sub { $events = () = $scimctl->('events', $of->{key}, '--after', $after)->{out} =~ /\n/g });
            cmp_ok $visited, '<=', 3 * $events + 50, "are read once each, and their accounts: $events";
        }
    }
    setting('plan_cache_mode', 'auto');
    for my $command (['account', 'show', $of->{key}, $of->{issuer_name}], ['token', 'list', $of->{key}], ['activity', 'list', $of->{key}]) {
        stays_inside("$size: scimctl @$command[0, 1]", sub { $scimctl->(@$command) });
        cmp_ok $visited, '<=', 600, 'which counts nobody';
    }
}
done_testing;
