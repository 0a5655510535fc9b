# SPDX-License-Identifier: Apache-2.0
# A walk through 100,000 accounts by cursor, without statistics for the planner, while
# others are created, renamed and deleted: an account that exists the whole time is seen
# exactly once.
use strict;
use warnings;
use lib 't/lib';
use Scim::Journal;
use Scim::Test;

my $ACCOUNTS = 100_000;
own_server();           # it gets 100,000 accounts
my $org = organization();
sql(<<'SQL', $org->{id}, $ACCOUNTS);
INSERT INTO scim.account (organization_id, user_name, display_name)
SELECT $1, 'u' || n || '@example.com', 'Account ' || (n * 7919 % 1000) FROM generate_series(1, $2::int) n;
SQL
# Every tenth account may be deleted.
my %stays = map { $_->[0] => 1 } sql(<<'SQL', $org->{id});
SELECT id FROM scim.account WHERE organization_id = $1 AND user_name !~ '0@example.com$';
SQL

sub walk {
    my ($query, $between) = @_;
    my ($cursor, %seen, $pages) = ('');
    while (defined $cursor) {
        my $r = $org->get("/Users?attributes=userName&count=1000$query&cursor=" . uri($cursor));
        return { error => $r->{content} } if $r->{status} != 200;
        $seen{ $_->{id} }++ for @{ $r->{json}{Resources} };
        $cursor = $r->{json}{nextCursor};
        $between->(++$pages);
    }
    return \%seen;
}

my $journal = Scim::Journal->start($org, writers => 2);
$journal->wait_for(5);
my @orders = ('', '&sortBy=displayName&sortOrder=descending');
for my $order (0 .. $#orders) {
    my $seen = walk($orders[$order], sub {
        my ($page) = @_;
        # Of these, 33 in each third, before and after the position of the walk.
        sql(<<'SQL', $org->{id}, '^u[0-9]*' . ($page % 10) . $order . '0@example.com$') if $page % 10 == 5;
DELETE FROM scim.account WHERE organization_id = $1 AND user_name ~ $2;
SQL
    });
    is $seen->{error}, undef, "CUR-26: the walk$orders[$order] ends well";
    is_deeply [grep { $seen->{$_} > 1 } keys %$seen], [], 'CUR-26: nobody is seen twice';
    is scalar(grep { !$seen->{$_} } keys %stays), 0, 'CUR-26: nobody who was there all the time is missed';
}
cmp_ok scalar(grep { $_->{status} eq '201' } $journal->stop->entries), '>', 20, 'others were created meanwhile';
my ($left) = sql('SELECT count(*) FROM scim.account WHERE organization_id = $1 AND user_name ~ $2', $org->{id}, '0@example.com$');
cmp_ok $left->[0], '<', $ACCOUNTS / 10, 'and deleted';
done_testing;
