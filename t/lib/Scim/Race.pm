# SPDX-License-Identifier: Apache-2.0
package Scim::Race;
# Many concurrent clients.
#
#   my @statuses = together($org, 40, sub { my ($i) = @_; return $org->patch(...)->{status} });
use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use Scim::Process;

our @EXPORT = qw(together);

# Run code in $count processes at the same moment; returns their results, a line
# each, in order.  The processes start together, when all have a connection.
sub together {
    my ($org, $count, $code) = @_;
    pipe my $gate_out, my $gate_in or die "pipe: $!";
    my @clients = map {
        my $i = $_;
        Scim::Process->start(sub {
            close $gate_in;
            $org->get('/Users?count=0');
            print "ready\n";
            IO::Select->new($gate_out)->can_read($Scim::Process::LIMIT);
            print eval { $code->($i) } // "died: $@", "\n";
        }, out => 'pipe');
    } 0 .. $count - 1;
    close $gate_out;
    $_->line for @clients;
    close $gate_in;
    my @results = map { $_->line } @clients;
    $_->wait for @clients;
    return @results;
}

1;
