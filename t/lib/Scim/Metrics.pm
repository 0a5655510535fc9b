# SPDX-License-Identifier: Apache-2.0
package Scim::Metrics;
# The metrics of an httpd, and what a piece of code changes in them.
#
#   my $metrics = Scim::Metrics->new($server->{plain_url});
#   my %more = $metrics->during(1, sub { $org->get('/Users') });
#   # ('scim_requests_total{method="GET",resource="Users",code="200"}' => 1)
use strict;
use warnings;
use JSON::PP ();
use Scim::Http;
use Scim::Process;
use Scim::Server;

# For SetHandler scim-metrics.
sub location { return "<Location /metrics>\nSetHandler scim-metrics\nRequire all granted\n</Location>\n" }

sub new { my ($class, $url) = @_; return bless { url => $url }, $class }

sub text {
    my ($self) = @_;
    my $r = Scim::Http->new($self->{url})->request(GET => '/metrics', []);
    die "metrics: $r->{status} $r->{content}\n" if $r->{status} != 200;
    return $r->{content};
}

# Each sample with its value.
sub samples { my ($self) = @_; return $self->text =~ /^(\w+(?:\{.*\})?) (\S+)$/mg }

sub requests {
    my (%samples) = @_;
    my $sum = 0;
    $sum += $samples{$_} for grep { /^scim_requests_total\{/ } keys %samples;
    return $sum;
}

# The samples that are different after code, which makes $count requests to SCIM or
# the settings page, and by how much.  httpd counts a request a moment after its answer.
sub during {
    my ($self, $count, $code) = @_;
    my %before = $self->samples;
    $code->();
    my %after;
    Scim::Server::wait_until("$count requests are counted", 20, sub {
        %after = $self->samples;
        return requests(%after) - requests(%before) >= $count;
    });
    return map { $after{$_} != ($before{$_} // 0) ? ($_ => $after{$_} - ($before{$_} // 0)) : () } keys %after;
}

# What the parser of another project makes of the text.
sub parsed {
    my ($text) = @_;
    my $done = Scim::Process::run(['node', Scim::Server::root() . '/t/browser/metrics.mjs'], input => $text);
    die $done->{err} if $done->{status};
    return JSON::PP::decode_json($done->{out});
}

1;
