# SPDX-License-Identifier: Apache-2.0
# "apachectl graceful" loses nothing.
use strict;
use warnings;
use lib 't/lib';
use Scim::Journal;
use Scim::Test;

own_server(conf => "SCIMRateLimit 0\n");     # it is restarted
my $org = organization();
my $journal = Scim::Journal->start($org, writers => 6, repeat => 1);
for my $round (1 .. 4) {
    $journal->wait_for(40);
    server()->graceful;
}
$journal->wait_for(100);
my $audit = $journal->stop->audit;
is_deeply $audit->faults, {}, 'nothing is lost or wrong over four graceful restarts' or diag explain $audit->faults;
is $audit->count('unanswered') + $audit->count('unavailable'), 0, 'and no request';
cmp_ok $audit->count('acknowledged'), '>', 250, 'and there was traffic';
unlike error_log(), qr/exit signal|Segmentation/, 'no child crashed';
done_testing;
