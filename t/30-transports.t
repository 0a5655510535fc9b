# SPDX-License-Identifier: Apache-2.0
# Identity providers speak TLS, and some HTTP/2.  Each of these files, which test
# plain HTTP, runs once more with either.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Scim::Test;

my @FILES = qw(t/20-exchanges.t t/25-entra-cycle.t t/25-group-entra.t t/27-http.t t/37-bulk.t t/63-protocol.t t/70-admin.t);

my $server = server();

# The output of a test file, and whether it passed.
sub run_over {
    my ($transport, $file) = @_;
    local $ENV{SCIM_TEST_TRANSPORT} = $transport;
    local @ENV{qw(SCIM_TEST_DIR SCIM_TEST_PORT SCIM_TEST_TLS_PORT)} = @$server{qw(dir port tls_port)};
    # Its tests are recorded only in the run without it.
    local $ENV{SCIM_TEST_NAMES};
    my $done = Scim::Process::run([$^X, '-It/lib', $file]);
    return ($done->{status} == 0, $done->{out} . $done->{err});
}

for my $transport (['tls', 'TLS'], ['h2', 'HTTP/2']) {
    my ($name, $called) = @$transport;
    for my $file (@FILES) {
        my ($passed, $output) = run_over($name, $file);
        my ($count) = $output =~ /^1\.\.(\d+)$/m;
        ok $passed && $count, "$file passes over $called" or diag join '', grep { !/^\s*ok / } map { "$_\n" } split /\n/, $output;
        my ($requests) = $output =~ /^# (\d+) requests by $name$/m;
        cmp_ok $requests // 0, '>', 10, 'and that was by what it said';
    }
}
done_testing;
