# SPDX-License-Identifier: Apache-2.0
# A database of many organizations that have the same values: one with three accounts,
# usual ones, and a large one; and how many rows of accounts a plan visits there.  For
# t/32-search-cost.t and bench/mixed.
package Scim::Crowd;
use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(accounts crowd visited);

# SQL that makes $number accounts in each of the organizations o that meet $where: all
# Engineers but for one Architect in a hundred, five in a hundred deactivated, and two in
# a thousand with a nickName.
sub accounts {
    my ($where, $number) = @_;
    return <<"SQL";
INSERT INTO scim.account (organization_id, user_name, display_name, external_id, created_at, active, provisioned_at, attributes)
SELECT o.id, 'user' || n || '\@example.com', 'Person Nr' || n, 'ext' || n, now() - ($number - n) * interval '1 second', n % 20 <> 0, now(),
       jsonb_build_object('title', CASE WHEN n % 100 = 7 THEN 'Architect' ELSE 'Engineer' END, 'name', jsonb_build_object('familyName', 'Family' || n / 10),
                          'emails', jsonb_build_array(jsonb_build_object('value', 'mail' || n || '\@example.com', 'type', 'work')))
       || CASE WHEN n % 500 = 3 THEN '{"nickName": "Nick"}' ELSE '{}' END::jsonb
FROM scim.organization o, generate_series(1, $number) n WHERE $where
SQL
}

# SQL that makes organizations with $number accounts each.
sub crowd {
    my ($organizations, $number) = @_;
    return ("INSERT INTO scim.organization (key, name) SELECT 'crowd' || n, 'Crowd' FROM generate_series(1, $organizations) n",
            accounts("o.key LIKE 'crowd%'", $number));
}

# Of a plan with its actual rows, as auto_explain logs it: what it takes from the table
# of accounts, or those that $table matches, or one of their indexes, and what it then
# leaves out.
sub visited {
    my ($plan, $table) = @_;
    my $rows = 0;
    $table ||= 'account';
    while ($plan =~ /(?:Scan(?: Backward)? using \w+|Heap Scan|Seq Scan) on $table\b[^\n]*\(actual rows=(\d+) loops=(\d+)\)((?:\n\t ++(?!->)[^\n]*)*)/g) {
        my ($each, $loops, $more) = ($1, $2, $3);
        $each += $1 while $more =~ /Rows Removed by (?:Filter|Index Recheck): (\d+)/g;
        $rows += $each * $loops;
    }
    return $rows;
}

1;
