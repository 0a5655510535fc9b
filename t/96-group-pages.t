# SPDX-License-Identifier: Apache-2.0
# The pages of groups in an organization with ten thousand groups, one of them
# with everybody in it: whatever is shown, only what an index finds is read.
use strict;
use warnings;
use lib 't/lib';
use MIME::Base64 ();
use Time::HiRes ();
use Scim::Test;

my ($ACCOUNTS, $GROUPS) = (100_000, 10_000);
own_server();           # whose plans are looked at
my $org = organization();
# Their checks would take longer than all the rest.
sql_unchecked(q{INSERT INTO scim.account (organization_id, user_name, display_name, role, attributes)
                SELECT $1, 'user' || n || '@example.com', 'User ' || n, 'USER',
                       '{"roles":[{"value":"USER","primary":true}]}'
                FROM generate_series(1, $2::int) n}, $org->{id}, $ACCOUNTS);
sql(q{INSERT INTO scim.user_group (organization_id, display_name, external_id)
      SELECT $1, 'Group ' || n, 'ext-' || n FROM generate_series(1, $2::int) n}, $org->{id}, $GROUPS);
# In no order, as members come.
sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id)
      SELECT $1, g.id, a.id FROM scim.user_group g, scim.account a
      WHERE g.organization_id = $1 AND a.organization_id = $1 AND g.display_name = 'Group 1'
      ORDER BY random()}, $org->{id});
sql(q{INSERT INTO scim.membership (organization_id, group_id, account_id)
      SELECT $1, g.id, a.id FROM scim.user_group g, scim.account a
      WHERE g.organization_id = $1 AND a.organization_id = $1
        AND g.display_name <> 'Group 1' AND a.user_name = 'user5@example.com'}, $org->{id});
sql(q{INSERT INTO scim.subgroup (organization_id, group_id, child_id)
      SELECT $1, p.id, c.id FROM scim.user_group p, scim.user_group c
      WHERE p.organization_id = $1 AND c.organization_id = $1
        AND p.display_name = 'Group 2' AND c.display_name LIKE 'Group 3%'}, $org->{id});
sub id_of {
    my ($table, $column, $name) = @_;
    return (sql("SELECT id FROM scim.$table WHERE organization_id = \$1 AND $column = \$2", $org->{id}, $name))[0][0];
}
my ($everybody, $parent, $child, $small) = map { id_of('user_group', 'display_name', "Group $_") } 1, 2, 3, 77;
my ($busy, $other) = map { id_of('account', 'user_name', "user$_\@example.com") } 5, 6;
sql(q{INSERT INTO scim.event (organization_id, resource_type, resource_id, kind, actor_kind, actor_name, attributes,
                              version, data)
      SELECT $1, 'Group', g.id, 'urn:ietf:params:scim:event:prov:patch:full', 'operator', 'test', '{members}', 1,
             jsonb_build_object('added', jsonb_build_array(gen_random_uuid()))
      FROM scim.user_group g WHERE g.organization_id = $1}, $org->{id});

my $authorization = 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", '');
sub get {
    my ($path) = @_;
    my $r = Scim::Test::http()->request(GET => "/organizations/$org->{key}/api/$path",
        [Authorization => $authorization], undef);
    is $r->{status}, 200, $path or diag $r->{content};
    return JSON::PP::decode_json($r->{content});
}

my @paths = ('groups', 'groups?cursor=group%205', 'groups?search=group%207', 'groups?search=ext-77',
             'groups?search=nothing', "groups?search=$small", "groups/$everybody", "group-members/$everybody",
             "group-members/$everybody?cursor=id:80000000-0000-4000-8000-000000000000", "group-members/$small",
             "group-children/$parent", "group-children/$parent?cursor=group%2035", "group-parents/$child",
             "member-groups/$other", "member-groups/$busy", "member-groups/$busy?cursor=group%205",
             "activity?account=$small", 'activity?account=group%2077', 'activity');
# As the statistics of a database are in which a group has half of all members.
for my $kind ('many groups', 'few, large groups') {
    sql(sprintf 'ALTER TABLE scim.membership ALTER group_id SET (n_distinct = %d)', $kind eq 'many groups' ? 0 : 2);
    sql("ANALYZE scim.$_") for qw(account user_group membership subgroup event);
    for my $path (@paths) {
        # Often enough for the plan that a prepared statement has in the end.
        my @plans = query_plans(sub { get($path) for 1 .. 7 });
        my @bad = grep { /Seq Scan on (?:user_group|membership|subgroup|account|event)/ } @plans;
        ok @plans > 7 && !@bad, "$kind: $path reads from indexes" or diag $bad[0] // 'no plan was logged';
        my @counting = grep { /counted/ } @plans or next;
        @bad = grep { !/Limit .*\n.*Index Only Scan using membership_pkey/
            || /(?:using|on) membership_account/ } @counting;
        is scalar @bad, 0, 'and counts the members of each group, up to the limit' or diag $bad[0];
    }
}

# Generous, since other tests run at the same time: the table would take longer.
for my $path (@paths) {
    my $start = Time::HiRes::time();
    get($path);
    cmp_ok Time::HiRes::time() - $start, '<', 1, "$path is quick";
}
is_deeply [@{ get("groups/$everybody") }{qw(members hasMoreMembers)}], [10_000, JSON::PP::true], 'counting ends';
done_testing;
