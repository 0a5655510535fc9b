# SPDX-License-Identifier: Apache-2.0
# Indexes are used for the queries that they are made for: the actual plans of
# requests to a large organization.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $ACCOUNTS = 20_000;
own_server();           # its plans are read
my $org = organization(profile => 'open');
sql(<<'SQL', $org->{id}, $ACCOUNTS);
INSERT INTO scim.account (organization_id, user_name, display_name, external_id, attributes)
SELECT $1, 'plan' || n || '@example.com', 'Plan ' || n, 'p' || n,
       jsonb_build_object('title', 'T' || n, 'roles', '[]'::jsonb, 'emails', jsonb_build_array(jsonb_build_object(
           'value', 'plan' || n || '@example.com', 'type', 'work')))
FROM generate_series(1, $2::int) n;
ANALYZE scim.account;
SQL

# Statements about accounts, without those that only authenticate, or write the log
# of requests meanwhile.  Ten times,
# so that a prepared statement's generic plan is among them.
sub plans_of {
    my ($path) = @_;
    return grep { /scim\.account/ && !/scim\.(?:token|account_seen)/ } query_plans(sub {
        for (1 .. 10) {
            my $r = $org->get($path);
            $r->{status} == 200 or die "$path: $r->{content}";
        }
    });
}

sub uses {
    my ($path, $index, $name) = @_;
    my @plans = plans_of($path);
    my @bad = grep { !/$index/ || /Seq Scan on/ } @plans;
    ok @plans >= 10 && !@bad, $name or diag "$path\n", $bad[0] // 'no plan was logged';
}

sub uses_for { my ($filter, $index, $name) = @_; return uses('/Users?filter=' . uri($filter), $index, $name) }

uses_for('userName eq "PLAN77@example.com"', 'account_user_name_unique', 'userName eq');
uses_for('externalId eq "p77"', 'account_external_id', 'externalId eq');
my $id = $org->filter('userName eq "plan77@example.com"')->{json}{Resources}[0]{id};
uses_for("id eq \"$id\"", 'account_pkey', 'id eq');
uses("/Users/$id", 'account_pkey', 'GET by id');
uses_for('displayName eq "plan 77"', 'account_display_name', 'displayName eq');
uses_for('userName eq "plan77@example.com" and active eq true', 'account_user_name_unique', 'userName eq and another condition');
uses_for('externalId eq "p77" or externalId eq "p78"', 'account_external_id', 'two externalIds');
my $of_one = "SELECT id FROM scim.member WHERE organization = '$org->{key}' AND user_name_key = scim.user_name_key('PLAN77\@example.com')";
like join("\n", map { $_->[0] } sql("EXPLAIN $of_one")), qr/account_user_name_unique/, "an application's view finds a userName by the index";
ok !(grep { !/Index.*account_created/ } plans_of('/Users?count=10')), 'a page of all accounts is read in order';

# Every attribute that is stored in the JSON, by the schemas that the server
# publishes, compared as its type requires.  ("primary eq false" is true of absent
# values as well, so no index can answer it.)
my %literal = (string => '"x77"', reference => '"https://example.com/x77"', boolean => 'true', binary => '"eDc3"',
               dateTime => '"2026-01-01T00:00:00Z"', integer => '77', decimal => '7.7');
my %is_column = map { $_ => 1 } qw(userName displayName externalId preferredLanguage timezone active groups);
for my $urn (CORE, ENT) {
    for my $attribute (@{ $org->get("/Schemas/$urn")->{json}{attributes} }) {
        next if $is_column{ $attribute->{name} };
        my $name = $urn eq CORE ? $attribute->{name} : "$urn:$attribute->{name}";
        for my $part ($attribute->{subAttributes} ? @{ $attribute->{subAttributes} } : undef) {
            next if $part && $part->{name} eq '$ref';
            my $path = $part ? "$name.$part->{name}" : $name;
            my $type = ($part || $attribute)->{type};
            uses_for("$path eq $literal{$type}", 'account_by_attribute', "FLT-05: $path eq");
        }
    }
}
uses_for('emails[type eq "work"].value eq "plan77@example.com"', 'account_by_attribute', 'E12: eq on one element');
uses_for('emails[type eq "work" and value eq "plan77@example.com"]', 'account_by_attribute', 'a value path');
uses_for('roles.value eq "USER"', 'account_by_attribute', 'a value that most rows may have');
uses_for('title eq "t77" and emails.value co "plan"', 'account_by_attribute', 'eq and a condition that no index answers');

# A plan takes longer to make than such a request to answer.
for my $filter ('userName eq "plan77@example.com"', 'emails[type eq "work"].value eq "plan77@example.com"', 'title eq "T77"', 'nickName eq "x" and title eq "y"') {
    my @plans = map { plans_of('/Users?filter=' . uri($filter)) } 1 .. 3;
    like $plans[-1], qr/Index Cond: \(\(organization_id = \$1\)/, "the same plan serves every value: $filter";
}

# A page after a cursor reads its own rows from the index of the order; rows without
# a userName, of which there are none, may be sorted.
sub reads_in_order {
    my ($query, $index) = @_;
    my $cursor = $org->get("/Users?count=10$query&cursor")->{json}{nextCursor};
    my @plans = plans_of("/Users?count=10$query&cursor=" . uri($cursor));
    my @bad = grep { !/Index (?:Only )?Scan.*$index/ || /Seq Scan/ || (/->  Sort/ && $index ne 'account_user_name') } @plans;
    return ok(@plans >= 10 && !@bad, "a page behind a cursor$query is read from $index") || diag "$query\n", $bad[0] // 'no plan was logged';
}

reads_in_order('', 'account_created');
reads_in_order($_ eq 'ascending' ? '&sortBy=userName' : '&sortBy=userName&sortOrder=descending', 'account_user_name') for qw(ascending descending);
reads_in_order('&sortBy=displayName', 'account_display_name');
reads_in_order('&sortBy=displayName&sortOrder=descending', 'account_display_name');
reads_in_order('&sortBy=externalId', 'account_external_id');
reads_in_order('&sortBy=meta.lastModified', 'account_updated');

done_testing;
