# SPDX-License-Identifier: Apache-2.0
# Faults of a service with two PostgreSQL servers, each behind a network of its own:
# acknowledged writes are kept, and no answer is wrong.  script/faults runs long series
# of these and other faults.
use strict;
use warnings;
use lib 't/lib';
use Scim::Cluster;
use Scim::Faults;
use Scim::Test;

my $cluster = Scim::Cluster->start(standby => 1, proxy => 1, conf => "<IfDirective SCIMDatabaseTimeout>\nSCIMDatabaseTimeout 2\n</IfDirective>\n");
my $httpd = server()->httpd_pid;
my $journal = Scim::Faults::start_journal($cluster, writers => 6);
my %row = (good => 0);
for my $case (['kill-backend', 0], ['restart', 0], ['stop', 3], ['silence', 3], ['silent-answers', 3], ['promote', 0]) {
    my ($name, $seconds) = @$case;
    my $fault = { %{ $Scim::Faults::FAULTS{$name} }, again => undef };
    my $good = Scim::Faults::one_round($fault, $cluster, $journal, \%row, seconds => $seconds, calm => 0.5);
    cmp_ok $good, '<', 20, sprintf '%s: a write is acknowledged again', $fault->{is};
    note sprintf 'after %.2f s', $good;
}
Scim::Faults::finish($cluster, $journal, \%row);
note join ', ', map { "$_: $row{$_}" } grep { !ref $row{$_} } sort keys %row;
is_deeply $row{faults}, {}, 'no acknowledged write is lost, none is done twice, no answer is wrong, every change has its event'
    or diag explain $row{faults};
is $row{unanswered}, 0, 'every request is answered';
cmp_ok $row{acknowledged}, '>', 300, 'and there was traffic';
is server()->httpd_pid, undef, 'httpd ends when it is told to';
unlike error_log(), qr/exit signal|Segmentation/, 'no child has crashed';
done_testing;
