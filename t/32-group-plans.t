# SPDX-License-Identifier: Apache-2.0
# Filters, pages and changes of groups are answered by indexes, in an organization
# with many groups beside others: the plans that PostgreSQL really used.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;
use Time::HiRes ();

my ($ACCOUNTS, $GROUPS) = (20_000, 5_000);
own_server();           # whose plans are looked at
my $org = organization(profile => 'open');
my $neighbour = organization(profile => 'open');
for my $of ($org, $neighbour) {
    sql(<<'SQL', $of->{id}, $ACCOUNTS);
INSERT INTO scim.account (organization_id, user_name, display_name)
SELECT $1, 'plan' || n || '@example.com', 'Plan ' || n FROM generate_series(1, $2::int) n
SQL
    sql(<<'SQL', $of->{id}, $GROUPS);
INSERT INTO scim.user_group (organization_id, display_name, external_id)
SELECT $1, 'Group ' || n, 'g' || n FROM generate_series(1, $2::int) n
SQL
    # One large group, and some members in each.
    sql(<<'SQL', $of->{id});
INSERT INTO scim.membership (organization_id, group_id, account_id)
SELECT g.organization_id, g.id, a.id
FROM (SELECT *, row_number() OVER (ORDER BY external_id) n FROM scim.user_group WHERE organization_id = $1) g
JOIN (SELECT *, row_number() OVER (ORDER BY user_name) n FROM scim.account WHERE organization_id = $1) a
    ON a.n % 5000 = g.n % 5000 OR g.n = 1 AND a.n <= 10000
SQL
    sql(<<'SQL', $of->{id});
INSERT INTO scim.subgroup (organization_id, group_id, child_id)
SELECT $1, p.id, c.id FROM scim.user_group p, scim.user_group c
WHERE p.organization_id = $1 AND c.organization_id = $1 AND p.external_id = 'g1' AND c.external_id IN ('g2', 'g3')
SQL
}
sql('ANALYZE scim.account, scim.user_group, scim.membership, scim.subgroup');
my ($group) = map { $_->[0] } sql(q{SELECT id FROM scim.user_group WHERE organization_id = $1 AND external_id = 'g7'}, $org->{id});
my ($member) = map { $_->[0] } sql('SELECT account_id FROM scim.membership WHERE organization_id = $1 AND group_id = $2 LIMIT 1', $org->{id}, $group);

my $TABLES = qr/scim\.(?:user_group|membership|subgroup)/;
my $WHOLE = qr/Seq Scan on (?:scim\.)?(?:account|user_group|membership|subgroup)/;

sub plans_of {
    my ($code, @option) = @_;
    return grep { /$TABLES/ && !/scim\.token/ } query_plans(sub { $code->() for 1 .. 10 }, @option);
}
sub read_by {
    my ($path) = @_;
    return sub {
        my $r = $org->get($path);
        $r->{status} == 200 or die "$path: $r->{content}";
    };
}
sub uses {
    my ($path, $index, $name, @option) = @_;
    my @plans = plans_of(read_by($path), @option);
    my @bad = grep { /$WHOLE/ } @plans;
    return ok(@plans >= 10 && !@bad && (grep { /$index/ } @plans) >= 10, $name) || diag "$path\n", $bad[0] // $plans[0] // 'no plan was logged';
}
sub finds { my ($filter, $index) = @_; return uses('/Groups?excludedAttributes=members&filter=' . uri($filter), $index, "Groups by " . $filter =~ s{[-0-9a-f]{36}}{...}r) }

finds('displayName eq "GROUP 77"', 'user_group_display_name_unique');
finds('externalId eq "g77"', 'user_group_external_id');
finds("id eq \"$group\"", 'user_group_pkey');
finds("members.value eq \"$member\"", 'membership_account');
finds("members eq \"$member\"", 'membership_account');
finds("members[value eq \"$member\"]", 'membership_account');
finds("id eq \"$group\" and members eq \"$member\"", 'user_group_pkey');
uses("/Groups/$group?excludedAttributes=members", 'user_group_pkey', 'a group by its id');
uses("/Groups/$group", 'membership_pkey', 'the members of a group');
uses("/Users?filter=" . uri("groups.value eq \"$group\""), 'membership_pkey', 'Users by a group', nested => 1);
uses("/Users?filter=" . uri("groups[value eq \"$group\"]") . '&cursor&count=2', 'membership_pkey', 'by cursor', nested => 1);
uses("/Users?filter=" . uri("groups[value eq \"$group\" and type eq \"direct\"]"), 'account_pkey', 'whose accounts are looked up by their ids');
uses("/Users/$member", 'membership_account', 'the groups of a User');

# One group has everybody, and the planner takes the small one for an average one.
my $lone = organization(profile => 'open');
sql(q{INSERT INTO scim.account (organization_id, user_name) SELECT $1, 'lone' || n FROM generate_series(1, 20000) n}, $lone->{id});
my ($whole, $few) = map { $_->[0] } sql(q{INSERT INTO scim.user_group (organization_id, display_name) VALUES ($1, 'Whole'), ($1, 'Few') RETURNING id}, $lone->{id});
sql('INSERT INTO scim.membership SELECT organization_id, $2::uuid, id FROM scim.account WHERE organization_id = $1', $lone->{id}, $whole);
sql('INSERT INTO scim.membership SELECT organization_id, $2::uuid, id FROM scim.account WHERE organization_id = $1 LIMIT 3', $lone->{id}, $few);
sql('ANALYZE scim.account, scim.membership');
for my $path ("/Groups/$few", '/Users?filter=' . uri("groups.value eq \"$few\""), '/Users?filter=' . uri("groups[value eq \"$few\" and type eq \"direct\"]")) {
    my $seconds = 9;
    for (1 .. 5) {
        my $start = Time::HiRes::time();
        $lone->get($path);
        $seconds = Time::HiRes::time() - $start if Time::HiRes::time() - $start < $seconds;
    }
    cmp_ok $seconds, '<', 0.02, 'a small group beside one that has everybody: ' . $path =~ s{[-0-9a-f]{36}}{...}r;
}

# Who asks for no members has none read.
my @read = grep { /membership|subgroup/ } plans_of(read_by('/Groups?excludedAttributes=members&count=100')),
    plans_of(read_by('/Groups?attributes=displayName&filter=' . uri('displayName eq "Group 9"')));
is_deeply \@read, [], 'no membership is read where the answer has none';

# Pages behind a cursor.
sub reads_in_order {
    my ($query, $index) = @_;
    my $page = "/Groups?excludedAttributes=members&count=10$query&cursor";
    my $cursor = $org->get($page)->{json}{nextCursor};
    my @plans = plans_of(read_by("$page=" . uri($cursor)));
    my @bad = grep { !/Index (?:Only )?Scan.*$index/ || /Seq Scan/ } @plans;
    return ok(@plans >= 10 && !@bad, "a page of groups behind a cursor$query is read from $index") || diag $bad[0] // 'no plan was logged';
}
reads_in_order('', 'user_group_created');
reads_in_order('&sortBy=displayName', 'user_group_display_name_unique');
reads_in_order('&sortBy=displayName&sortOrder=descending', 'user_group_display_name_unique');
reads_in_order('&sortBy=externalId', 'user_group_external_id');
reads_in_order('&sortBy=meta.lastModified', 'user_group_updated');

# Changes.
my @changes = plans_of(sub {
    for my $op ('add', 'remove') {
        my $r = $org->patch("/Groups/$group", { schemas => [PATCHOP], Operations => [{ op => $op, path => 'members', value => [{ value => $member }] }] });
        $r->{status} == 204 or die $r->{content};
    }
}, nested => 1);
ok @changes && !(grep { /$WHOLE/ } @changes), 'a change of one member reads by indexes' or diag grep { /$WHOLE/ } @changes;
done_testing;
