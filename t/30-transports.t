# Identity providers speak TLS, and some HTTP/2: what is tested without them holds
# with them, too.  Each of these files runs once more by either.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my @FILES = qw(t/20-exchanges.t t/25-entra-cycle.t t/27-http.t t/37-bulk.t t/63-protocol.t t/70-admin.t);

my $server = server();

# The output of a test file, and whether it passed.
sub run_over {
    my ($transport, $file) = @_;
    local $ENV{SCIM_TEST_TRANSPORT} = $transport;
    local @ENV{qw(SCIM_TEST_DIR SCIM_TEST_PORT SCIM_TEST_TLS_PORT)} = @$server{qw(dir port tls_port)};
    # They count as what they are without it.
    local $ENV{SCIM_TEST_NAMES};
    my $output = qx($^X -It/lib $file 2>&1);
    return ($? == 0, $output);
}

# By the port and the protocol that the log has.
sub requests {
    my ($protocol) = @_;
    open my $in, '<', $server->{access_log} or return 0;
    return scalar grep { /^\S+ \Q$server->{tls_port}\E .*\Q$protocol\E"/ } <$in>;
}

for my $transport (['tls', 'TLS', 'HTTP/1.1'], ['h2', 'HTTP/2', 'HTTP/2.0']) {
    my ($name, $called, $protocol) = @$transport;
    for my $file (@FILES) {
        my $before = requests($protocol);
        my ($passed, $output) = run_over($name, $file);
        my ($count) = $output =~ /^1\.\.(\d+)$/m;
        ok $passed && $count, "$file passes over $called" or diag join '', grep { !/^\s*ok / } map { "$_\n" } split /\n/, $output;
        cmp_ok requests($protocol) - $before, '>', 10, 'and that was by what it said';
    }
}
done_testing;
