# SPDX-License-Identifier: Apache-2.0
# The guard: how much SCIM tokens may take away within an hour.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use MIME::Base64 ();
use Scim::Process;
use Scim::Race;
use Scim::Server;
use Scim::Test;

my $SENTENCE = 'The safety limit of this organization for deactivations, deletions and downgrades to GUEST (%s an hour) is reached.'
             . ' If they are right, let them through on the first page of the settings.';
my $MEMBERS = 'The safety limit of this organization for removals from groups (%s an hour) is reached.'
            . ' If they are right, let them through on the first page of the settings.';
my $GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
my $JSON = JSON::PP->new->utf8->canonical;

# Accounts that are not made by requests; their ids.
sub accounts {
    my ($org, $count, $role) = @_;
    return map { $_->[0] } sql(<<'SQL', $org->{id}, $count, $role // 'USER');
INSERT INTO scim.account (organization_id, user_name, display_name, role, provisioned_at)
SELECT $1, 'person-' || n || '-' || left($1::text, 8) || '@example.com', 'Person', $3, now()
FROM generate_series(1, $2::int) n RETURNING id;
SQL
}

# The settings page's API, as the organization's administrator
sub api {
    my ($org, $method, $path, $body) = @_;
    my $r = $org->request($method, '', target => "/organizations/$org->{key}/api/$path",
        headers => { Authorization => 'Basic ' . MIME::Base64::encode_base64("$org->{issuer_name}:x", ''),
                     Origin => Scim::Test::base_url(), $body ? ('Content-Type' => 'application/json') : () },
        $body ? (body => $body) : ());
    return $r;
}

sub guard { my ($org) = @_; return api($org, GET => 'guard')->{json} }

sub deactivate { my ($org, $id) = @_; return $org->patch_ops($id, { op => 'replace', path => 'active', value => FALSE }) }

sub is_guarded {
    my ($r, $sentence, $limit, $name) = @_;
    is_error($r, 403, undef, $name);
    return is $r->{json}{detail}, sprintf($sentence, $limit), "$name: the detail says what to do";
}

sub events {
    my ($org, $kind) = @_;
    return map { { name => $_->[0], data => $JSON->decode($_->[1]) } } sql('SELECT actor_name, data FROM scim.event WHERE organization_id = $1 AND kind = $2 ORDER BY sequence',
        $org->{id}, "urn:mod_scim:event:guard:$kind");
}

sub group {
    my ($org, @members) = @_;
    my $r = $org->post('/Groups', { schemas => [$GROUP], displayName => random_name(), members => [map { { value => $_ } } @members] });
    die $r->{content} unless $r->{status} == 201;
    return $r->{json}{id};
}

sub group_patch {
    my ($org, $id, @operations) = @_;
    return $org->patch("/Groups/$id", { schemas => [PATCHOP], Operations => \@operations });
}

# The acceptance test: 1,000 active accounts, 5 %, sixteen clients at once
{
    my $org = organization(guard => [undef, 5]);
    my @ids = accounts($org, 999);
    my @work = map { my $i = $_; [map { $ids[$_] } grep { $_ % 16 == $i } 0 .. $#ids] } 0 .. 15;
    my @found = together($org, 16, sub {
        my ($i) = @_;
        my (%count, $n);
        for my $id (@{ $work[$i] }) {
            my $r = deactivate($org, $id);
            $count{ $r->{status} }++;
            $count{other}++ if $r->{status} == 403 && $r->{json}{detail} ne sprintf $SENTENCE, 50;
            # Nothing else is blocked meanwhile
            $count{renamed} += $org->patch_ops($id, { op => 'replace', path => 'title', value => "T$i" })->{status} == 200 if $n++ % 8 == 0;
        }
        return join ' ', map { "$_=$count{$_}" } sort keys %count;
    });
    my %sum;
    $sum{ $_->[0] } += $_->[1] for map { [split /=/] } map { split / / } @found;
    my $renames = 0;
    $renames += int((@$_ + 7) / 8) for @work;
    is_deeply \%sum, { 200 => 50, 403 => 949, renamed => $renames },
        'of 1,000 active accounts, sixteen clients deactivate exactly 50, and profile changes go through';
    is((sql('SELECT count(*) FROM scim.account WHERE organization_id = $1 AND NOT active', $org->{id}))[0][0], 50, '50 are inactive');
    my @trips = events($org, 'trip');
    is_deeply \@trips, [{ name => 'test', data => { guarded => 'accounts', limit => 50, token => 'test' } }], 'one event says that the guard has tripped';
    my $guard = guard($org);
    is_deeply [@$guard{qw(percent limit activeAccounts number)}], [5, 50, 1000, undef], 'the page knows the limit';
    is_deeply $guard->{counted}, { deactivations => 50, deletions => 0, downgrades => 0, removals => 0 }, 'what was counted';
    is scalar @{ $guard->{trips} }, 1, 'and that it has tripped';
    is_deeply [@{ $guard->{trips}[0] }{qw(guarded refused limit token)}], ['accounts', 949, 50, 'test'], 'by whom and how often';
    like $guard->{trips}[0]{since}, qr/^\d{4}-\d\d-\d\dT/, 'and since when';
    is api($org, POST => 'guard', {})->{status}, 200, 'an administrator lets them through';
    $guard = guard($org);
    is_deeply $guard->{trips}, [], 'then it has not tripped any more';
    like $guard->{openUntil}, qr/^\d{4}-\d\d-\d\dT/, 'it is open';
    my @again = together($org, 16, sub { my ($i) = @_; return scalar grep { deactivate($org, $_)->{status} != 200 } @{ $work[$i] } });
    is_deeply \@again, [(0) x 16], "the client's second try succeeds";
    is_deeply guard($org)->{counted}, { deactivations => 0, deletions => 0, downgrades => 0, removals => 0 }, 'and is not counted';
    my @opened = events($org, 'open');
    is_deeply [map { $_->{name} } @opened], [$org->{issuer_name}], 'an event says who has let them through';
    like $opened[0]{data}{until}, qr/^\d{4}-/, 'and until when';
    is scalar(events($org, 'trip')), 1, 'there is still one event of the trip';
    sql("UPDATE scim.organization SET guard_open_until = now() - interval '1 second' WHERE id = \$1", $org->{id});
    my $late = $org->create;
    is $org->delete("/Users/$late->{id}")->{status}, 204, 'after two hours the limit counts anew';
    is guard($org)->{counted}{deletions}, 1, 'from the first one on';
}

# Each way to take accounts away.  The limit is one: the second is refused.
my %ways = (
    'PUT' => sub { my ($org, $user) = @_; return $org->put("/Users/$user->{id}", { %$user, active => FALSE }) },
    'PATCH in the dialect of the standard' => sub { my ($org, $user) = @_;
        return $org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => FALSE }) },
    "PATCH in Entra's old dialect" => sub { my ($org, $user) = @_;
        return $org->patch_ops($user->{id}, { op => 'Replace', path => 'active', value => 'False' }) },
    'PATCH without a path' => sub { my ($org, $user) = @_; return $org->patch_ops($user->{id}, { op => 'replace', value => { active => FALSE } }) },
    'DELETE' => sub { my ($org, $user) = @_; return $org->delete("/Users/$user->{id}") },
    'a downgrade' => sub { my ($org, $user) = @_;
        return $org->patch_ops($user->{id}, { op => 'add', path => 'roles[primary eq "True"].value', value => 'GUEST' }) },
    'the removal of the role' => sub { my ($org, $user) = @_; return $org->patch_ops($user->{id}, { op => 'remove', path => 'roles' }) },
);
for my $profile (qw(managed open)) {
    for my $way (sort keys %ways) {
        my $org = organization(guard => [1, undef], profile => $profile);
        my @users = map { $org->create(roles => [{ value => 'USER', primary => TRUE }]) } 1 .. 2;
        my $first = $ways{$way}->($org, $users[0]);
        like $first->{status}, qr/^20[04]$/, "$profile: $way goes through once" or diag $first->{content};
        is_guarded($ways{$way}->($org, $users[1]), $SENTENCE, 1, "$profile: $way a second time");
        is $org->get("/Users/$users[1]{id}")->{json}{meta}{version}, $users[1]{meta}{version}, "$profile: $way has changed nothing";
        is $org->patch_ops($users[1]{id}, { op => 'replace', path => 'title', value => 'Boss' })->{status}, 200, "$profile: after $way, other changes go through";
    }
}
{
    my $org = organization(guard => [2, undef], profile => 'open');
    my $user = $org->create(roles => [{ value => 'reader' }, { value => 'admin' }]);
    is $org->put("/Users/$user->{id}", { %$user, roles => [{ value => 'reader' }] })->{status}, 200, 'a role that is not the first one is lost';
    is guard($org)->{counted}{downgrades}, 1, 'which is a downgrade to GUEST';
}

# Bulk
{
    my $org = organization(guard => [3, undef]);
    my @ids = accounts($org, 8);
    my $bulk = { schemas => [BULK], Operations => [
        map({ { method => 'DELETE', path => "/Users/$_" } } @ids[0, 1]),
        map({ { method => 'PATCH', path => "/Users/$_", data => { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'active', value => FALSE }] } } } @ids[2 .. 5]),
        { method => 'PATCH', path => "/Users/$ids[6]", data => { schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => 'Boss' }] } },
    ] };
    my $r = $org->post('/Bulk', $bulk);
    is_deeply [map { $_->{status} } @{ $r->{json}{Operations} }], [204, 204, 200, 403, 403, 403, 200], 'a bulk request cannot pass the guard';
    is $r->{json}{Operations}[3]{response}{detail}, sprintf($SENTENCE, 3), 'its operations say why';
    is guard($org)->{trips}[0]{refused}, 3, 'each of them is counted as refused';
    is scalar(events($org, 'trip')), 1, 'with one event';
    my @refused = grep { $_->{outcome} eq 'refused' } @{ api($org, GET => 'activity')->{json}{entries} };
    is scalar @refused, 3, 'Activity has them';
}

# Groups are counted apart
{
    my $org = organization(guard => [3, undef]);
    my @ids = accounts($org, 5);
    my $group = group($org, @ids);
    is group_patch($org, $group, { op => 'remove', path => qq{members[value eq "$ids[0]"]} })->{status}, 204, 'a member is removed';
    is group_patch($org, $group, { op => 'Remove', path => 'members', value => [{ value => $ids[1] }] })->{status}, 204, 'another one, as Entra does it';
    is_guarded($org->put("/Groups/$group", { schemas => [$GROUP], displayName => random_name(), members => [{ value => $ids[2] }] }), $MEMBERS, 3,
        'a PUT that removes two more');
    is_guarded(group_patch($org, $group, { op => 'remove', path => 'members' }), $MEMBERS, 3, 'a PATCH that removes all');
    is_guarded($org->delete("/Groups/$group"), $MEMBERS, 3, 'the deletion of a group of three');
    is scalar(@{ $org->get("/Groups/$group")->{json}{members} }), 3, 'nobody else was removed';
    is group_patch($org, $group, { op => 'add', path => 'members', value => [{ value => $ids[0] }] })->{status}, 204, 'members can be added';
    is group_patch($org, $group, { op => 'remove', path => qq{members[value eq "$ids[0]"]} })->{status}, 204, 'one more can be removed';
    is_deeply guard($org)->{counted}, { deactivations => 0, deletions => 0, downgrades => 0, removals => 3 }, 'which are three';
    is $org->delete("/Users/$_")->{status}, 204, 'accounts are counted apart' for @ids[0, 1, 2];
    is_guarded($org->delete("/Users/$ids[3]"), $SENTENCE, 3, 'up to the same limit');
    is_deeply [map { [@$_{qw(guarded refused)}] } @{ guard($org)->{trips} }], [['accounts', 1], ['members', 3]], 'both have tripped';
    is_deeply [map { $_->{data}{guarded} } events($org, 'trip')], [qw(members accounts)], 'with an event each';
    my $empty = group($org);
    is $org->delete("/Groups/$empty")->{status}, 204, 'an empty group can be deleted';
    my $nested = group($org, $group);
    is_guarded($org->delete("/Groups/$nested"), $MEMBERS, 3, 'a group in a group is a member like others');
}
{
    my $org = organization(guard => [3, undef]);
    my $group = group($org, accounts($org, 2));
    is $org->delete("/Groups/$group")->{status}, 204, 'a group with fewer members than the limit can be deleted';
    is guard($org)->{counted}{removals}, 2, 'which takes each of them away once';
}

# Only tokens are guarded
{
    my $org = organization(guard => [1, undef]);
    my ($first, @others) = accounts($org, 4);
    is deactivate($org, $first)->{status}, 200, 'a token deactivates one';
    is api($org, PATCH => "members/$others[0]", { active => FALSE })->{status}, 200, 'an administrator deactivates more';
    sql('UPDATE scim.account SET active = false WHERE id = $1', $others[1]);
    is server()->run(0, server()->scimctl('account', 'delete', $org->{key}, $others[2], '--yes')) // 0, 0, 'and so do operators';
    is_deeply guard($org)->{counted}, { deactivations => 1, deletions => 0, downgrades => 0, removals => 0 }, 'which is not counted';
    is_guarded(deactivate($org, $org->create->{id}), $SENTENCE, 1, 'the token is still at its limit');
}

# One person counts once
{
    my $org = organization(guard => [10, undef]);
    my $user = $org->create(roles => [{ value => 'USER' }]);
    $org->patch_ops($user->{id}, { op => 'replace', path => 'active', value => FALSE }, { op => 'replace', path => 'roles', value => [{ value => 'GUEST' }] });
    is_deeply guard($org)->{counted}, { deactivations => 1, deletions => 0, downgrades => 0, removals => 0 }, 'who is deactivated and downgraded at once counts once';
    my $group = group($org, $user->{id});
    $org->delete("/Users/$user->{id}");
    is_deeply guard($org)->{counted}, { deactivations => 1, deletions => 1, downgrades => 0, removals => 0 }, 'who is deleted is not removed from groups besides';
    my $other = $org->create(roles => [{ value => 'GUEST' }]);
    $org->patch_ops($other->{id}, { op => 'replace', path => 'roles', value => [{ value => 'USER' }] });
    deactivate($org, $other->{id}) for 1 .. 2;
    is_deeply guard($org)->{counted}, { deactivations => 2, deletions => 1, downgrades => 0, removals => 0 }, 'what changes nothing, or gives more, is not counted';
}

# The limit
sub limit_is {
    my ($count, $number, $percent, $expected, $name) = @_;
    my $org = organization(guard => [$number, $percent]);
    accounts($org, $count - 1) if $count > 1;    # the administrator is one
    return is guard($org)->{limit}, $expected, $name;
}
limit_is(30, 10, 5, 10, 'of few accounts, the number counts');
limit_is(300, 10, 5, 15, 'of many, the percentage');
limit_is(201, undef, 5, 11, 'a percentage is rounded up');
limit_is(3, undef, 5, 1, 'so one goes at least');
limit_is(50, 20, undef, 20, 'a number alone');
limit_is(50, undef, undef, undef, 'without both there is no limit');
{
    my $org = organization(guard => [undef, 5]);
    my @ids = accounts($org, 9);
    is deactivate($org, $ids[0])->{status}, 200, '5 % of ten accounts: one goes';
    is_guarded(deactivate($org, $ids[1]), $SENTENCE, 1, 'the second one');
    sql("UPDATE scim.guard_count SET minute = minute - interval '59 minutes' WHERE organization_id = \$1", $org->{id});
    is deactivate($org, $ids[1])->{status}, 403, 'neither within the hour';
    sql("UPDATE scim.guard_count SET minute = minute - interval '3 minutes' WHERE organization_id = \$1", $org->{id});
    is deactivate($org, $ids[1])->{status}, 200, 'but after it';
    is((sql("SELECT count(*) FROM scim.guard_count WHERE organization_id = \$1 AND minute < now() - interval '61 minutes'", $org->{id}))[0][0], 0,
        'old counts are deleted');
    is scalar(events($org, 'trip')), 1, 'two refusals within a day are one trip';
    sql("UPDATE scim.guard_trip SET refused_at = refused_at - interval '25 hours' WHERE organization_id = \$1", $org->{id});
    is_deeply guard($org)->{trips}, [], 'after a day without a refusal the guard has not tripped any more';
    deactivate($org, $ids[2]);
    is scalar(events($org, 'trip')), 2, 'the next one is another trip';
}
{
    my $org = organization(guard => [undef, undef]);
    is deactivate($org, $_)->{status}, 200, 'without a limit all go' for accounts($org, 12);
    is_deeply guard($org), { counted => { deactivations => 0, deletions => 0, downgrades => 0, removals => 0 }, trips => [] }, 'uncounted';
}
{
    my ($key) = (sql(q{INSERT INTO scim.organization (key, name) VALUES ('guard-' || gen_random_uuid(), 'New') RETURNING key, guard_number, guard_percent}))[0];
    is_deeply [@$key[1, 2]], [10, 5], 'a new organization lets 10 or 5 % through';
}

# Setting it
{
    my $org = organization(guard => [1, undef]);
    my @ids = accounts($org, 3);
    deactivate($org, $_) for @ids[0, 1];
    my $r = api($org, PUT => 'guard', { number => 2, percent => 1 });
    is $r->{status}, 200, 'an administrator sets the limit';
    is_deeply [@{ $r->{json} }{qw(number percent limit)}], [2, 1, 2], 'the answer has it';
    is_deeply $r->{json}{trips}, [], 'who sets it has seen the trip';
    is_deeply [map { $_->{data} } events($org, 'change')], [{ before => { guardNumber => 1 }, after => { guardNumber => 2, guardPercent => 1 } }], 'an event has both';
    is deactivate($org, $ids[1])->{status}, 200, 'it counts at once';
    is_guarded(deactivate($org, $ids[2]), $SENTENCE, 2, 'up to the new limit');
    for my $wrong ({ number => 0 }, { number => 1_000_001 }, { number => 1.5 }, { number => '5' }, { percent => 101 }, { percent => 0 }, { number => TRUE }) {
        is api($org, PUT => 'guard', $wrong)->{status}, 400, 'not ' . $JSON->encode($wrong);
    }
    api($org, POST => 'guard', {});
    is api($org, PUT => 'guard', { number => 2, percent => 1 })->{json}{openUntil}, undef, 'who sets the same limit again ends that everything is let through';
    my ($ended) = map { $_->{data} } (events($org, 'change'))[1];
    is_deeply [sort keys %{ $ended->{before} }], [qw(guardNumber guardPercent openUntil)], 'an event has when it would have ended';
    is $ended->{after}{openUntil}, undef, 'and that it has';
    is api($org, PUT => 'guard', { number => undef, percent => undef })->{json}{limit}, undef, 'null switches it off';
    is deactivate($org, $ids[2])->{status}, 200, 'then all go';
}

# scimctl
{
    my $org = organization(guard => [1, undef]);
    my ($program, @db) = server()->scimctl;
    my $scimctl = sub { return Scim::Process::run([$program, @db, @_]) };
    my @ids = accounts($org, 3);
    deactivate($org, $_) for @ids;
    my $shown = $scimctl->('org', 'guard', $org->{key})->{out};
    like $shown, qr/^limit +1$/m, 'scimctl org guard shows the limit';
    like $shown, qr/^deactivations +1$/m, 'what was counted';
    like $shown, qr/^tripped +accounts, since \S+, by the token test$/m, 'and the trip';
    like $shown, qr/^refused +2$/m, 'with its refusals';
    my $set = $JSON->decode($scimctl->('--json', 'org', 'guard', $org->{key}, '--percent', 50)->{out});
    is_deeply [@$set{qw(number percent limit activeAccounts trips)}], [undef, 50, 2, 4, []], 'it sets the limit';
    like $scimctl->('org', 'guard', $org->{key}, '--open')->{out}, qr/^open until +\d{4}-/m, 'and opens it';
    is deactivate($org, $ids[1])->{status}, 200, 'which counts for tokens';
    for my $wrong (['--number', 0], ['--number', 1_000_001], ['--percent', 101], ['--percent', 'x'], ['--off', '--number', 1]) {
        isnt $scimctl->('org', 'guard', $org->{key}, @$wrong)->{status}, 0, "not @$wrong";
    }
    my $file = $scimctl->('org', 'export', $org->{key})->{out};
    my $before = guard($org);
    is $scimctl->('org', 'delete', $org->{key}, '--yes')->{status}, 0, 'an organization can be deleted';
    is((sql('SELECT count(*) FROM (SELECT organization_id FROM scim.guard_count UNION ALL SELECT organization_id FROM scim.guard_trip) g WHERE organization_id = $1', $org->{id}))[0][0], 0,
        'nothing of its guard is left');
    is Scim::Process::run([$program, @db, 'org', 'import'], input => $file)->{status}, 0, 'and comes back';
    is_deeply [@{ guard($org) }{qw(number percent openUntil)}], [undef, 50, $before->{openUntil}], 'with its limit';
    like $scimctl->('org', 'guard', $org->{key}, '--off')->{out}, qr/^limit +none$/m, '--off takes it away';
}

# The last active ADMIN.  The issuer of a valid token is one, unless somebody has
# changed the rows with triggers switched off.
for my $guard ([undef, undef], [10, 5]) {
    my $org = organization(guard => $guard);
    sql_unchecked('UPDATE scim.account SET role = $2, attributes = $3 WHERE id = $1', $org->{issuer}, 'USER', '{"roles": [{"value": "USER", "primary": true}]}');
    my ($last, $other) = map { $org->create(roles => [{ value => 'ADMIN' }]) } 1 .. 2;
    my $inactive = $org->create(roles => [{ value => 'ADMIN' }], active => FALSE);
    my $why = qr/last active administrator/;
    is deactivate($org, $other->{id})->{status}, 200, 'an ADMIN who is not the last one is deactivated';
    for my $way (sort keys %ways) {
        my $r = $ways{$way}->($org, $last);
        is_error($r, 403, undef, "the last one is not: $way");
        like $r->{json}{detail}, $why, 'for this reason';
    }
    my $r = $org->patch_ops($last->{id}, { op => 'replace', path => 'roles', value => [{ value => 'USER' }] });
    like $r->{json}{detail}, $why, 'nor made a USER';
    is $org->delete("/Users/$inactive->{id}")->{status}, 204, 'an inactive ADMIN can be deleted';
    is $org->patch_ops($last->{id}, { op => 'replace', path => 'title', value => 'Boss' })->{status}, 200, 'other changes go through';
    my @admins = ($last, map { $org->create(roles => [{ value => 'ADMIN' }]) } 1 .. 5);
    my @statuses = together($org, 6, sub { my ($i) = @_; return $ways{ (sort keys %ways)[$i] }->($org, $admins[$i])->{status} });
    is scalar(grep { $_ == 403 } @statuses), 1, 'of six that are taken at once, one stays' or diag "@statuses";
    is((sql(q{SELECT count(*) FROM scim.account WHERE organization_id = $1 AND role = 'ADMIN' AND active}, $org->{id}))[0][0], 1, 'one ADMIN');
}

done_testing;
