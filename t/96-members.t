# SPDX-License-Identifier: Apache-2.0
# The members page at a hundred thousand accounts, at a million with SCIM_TEST_LARGE:
# with any filter, only the rows that are shown are read.
use strict;
use warnings;
use lib 't/lib';
use IO::Select;
use MIME::Base64 ();
use Scim::Test;

own_server();           # its plans are read, and it gets so many accounts
my $org = organization();
my $last = $ENV{SCIM_TEST_LARGE} ? 999_999 : 99_999;
# Their checks would take longer than the rest of the test.
sql_unchecked(<<'SQL', $org->{id}, $last + 1);
INSERT INTO scim.account (organization_id, user_name, display_name, external_id, role, active, managed,
                          sync_eligible, provisioned_at, attributes)
SELECT $1, 'user' || n || '@example.com', (ARRAY['Taro', 'Hanako', 'Anna', 'John', 'Maria'])[1 + n % 5] || ' ' || n,
       'ext-' || n, role,
       n % 20 <> 0, n % 1000 <> 1, n % 500 <> 2, CASE WHEN n % 10 < 8 THEN now() END,
       jsonb_build_object('roles', jsonb_build_array(jsonb_build_object('value', role, 'primary', true)), 'name', jsonb_build_object('familyName',
           (ARRAY['Yamada', 'Sato', 'Smith', 'Garcia', 'Novak', 'Suzuki', 'Muller'])[1 + n % 7]))
FROM generate_series(1, $2::integer) n,
     LATERAL (SELECT CASE WHEN n % 10000 = 0 THEN 'ADMIN' WHEN n % 4 = 0 THEN 'GUEST' ELSE 'USER' END) r(role);
SQL
sql('ANALYZE scim.account');

my $authorization = 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", '');
sub members {
    my ($query) = @_;
    my $r = Scim::Test::http()->request(GET => "/organizations/$org->{key}/api/members?$query", [Authorization => $authorization], undef);
    is $r->{status}, 200, "members?$query" or diag $r->{content};
    return JSON::PP::decode_json($r->{content});
}

# The choices of the page, alone and together, from the most common to none.
my @choices = ('', map { join '&', @$_ } ['role=ADMIN'], ['role=USER'], ['active=false'], ['label=provisioned'], ['label=ineligible'],
               ['label=unmanaged'], [qw(role=ADMIN active=true label=managed)], [qw(role=GUEST label=unmanaged active=false)]);
my ($id) = map { @$_ } sql(q{SELECT id FROM scim.account WHERE user_name = 'user90000@example.com'});
my $at = "$id:user90000%40example.com";
for my $choice (@choices, "cursor=$at") {
    my ($plan) = grep { /unnest/ } query_plans(sub { members($choice) });
    $plan =~ s/Query Text:.*//;
    is scalar(() = $plan =~ /Scan using account_by_label/g), 1, 'one range of account_by_label for each choice' or diag $plan;
    like $plan, qr/Index Cond: .*organization_id.*role = .*active = .*user_name_key > /, 'from the cursor on';
    unlike $plan, qr/Seq Scan on account|Filter: .*(?:role|active|label)/, 'nothing is read to be thrown away';
}
for my $search (qw(user5 user Taro yamada ext-77777 nobody user7%40example.com), 'taro%201&role=ADMIN', "user&cursor=$at", 'user&label=unmanaged&active=false',
                'yamada&sort=displayName', 'user&sort=created&order=descending') {
    for my $plan (query_plans(sub { members("search=$search") }, nested => 1)) {
        $plan =~ s/Query Text:.*//;
        unlike $plan, qr/Seq Scan on account/, 'a search reads from indexes' or diag $plan;
        unlike $plan, qr/Filter: .*account_grams/, 'and the trigrams of no row are made' or diag $plan;
    }
}
my @seen;
my $cursor = "$id:user" . ($last - 9) . '@example.com';
while (defined $cursor) {
    my $page = members('count=4&cursor=' . uri($cursor));
    push @seen, map { $_->{userName} } @{ $page->{members} };
    $cursor = $page->{next};
}
is_deeply \@seen, [map { "user$_\@example.com" } $last - 8 .. $last, grep { $_ < $last } 99_999, 9_999, 999, 99, 9], 'the last pages of all';
my ($plan) = grep { /GROUP BY|Aggregate/ } query_plans(sub {
    is Scim::Test::http()->request(GET => "/organizations/$org->{key}/api/counts", [Authorization => $authorization], undef)->{status}, 200, 'the counts';
});
is scalar(() = $plan =~ /Index (?:Only )?Scan using|Bitmap Heap Scan on account|Seq Scan on account/g), 1, 'the counts need one pass' or diag $plan;

# A million rows are the most of a file.  The issuer of the token is one more.
sub file {
    return eval { Scim::Http->new(server()->{url})->request(GET => "/organizations/$org->{key}/api/members.csv", [Authorization => $authorization], undef); 'whole' } // $@;
}
if ($ENV{SCIM_TEST_LARGE}) {    # takes a minute
    like file(), qr/^(?:connection closed|broken answer)$/, 'a file that cannot have all members does not end like a whole one';
    sql('DELETE FROM scim.account WHERE organization_id = $1 AND user_name = $2', $org->{id}, 'user7@example.com');
    is file(), 'whole', 'one with a million does';
}
sql('DELETE FROM scim.event WHERE organization_id = $1', $org->{id});
done_testing;
