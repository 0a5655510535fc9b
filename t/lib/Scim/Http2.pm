# SPDX-License-Identifier: Apache-2.0
package Scim::Http2;
# An HTTP/2 client in the shape of Scim::Http.  The frames are sent by node
# (t/http2.mjs), which can cut a body into DATA frames of any length.
use strict;
use warnings;
use JSON::PP ();
use MIME::Base64 ();
use Scim::Http;
use Scim::Process;
use Scim::Server;

my $JSON = JSON::PP->new->latin1->canonical;

sub new {
    my ($class, $url) = @_;
    my ($origin) = $url =~ m{^(https://[^/]+)}i or die "not an https URL: $url\n";
    my @client = ('node', Scim::Server::root() . '/t/http2.mjs', $origin, $ENV{SSL_CERT_FILE} // ());
    return bless { client => Scim::Process->start(\@client, in => 'pipe', out => 'pipe'), timeout => 60 }, $class;
}

# As Scim::Http::request; each piece is a DATA frame, "chunked" a request without
# Content-Length.
sub request {
    my ($self, $method, $target, $headers, $body, %how) = @_;
    my @headers = ([':method', $method], [':path', $target]);
    $Scim::Http::REQUESTS{h2}++;
    for (my $i = 0; $i < @$headers; $i += 2) {
        my $name = lc $headers->[$i];
        push @headers, [$name eq 'host' ? ':authority' : $name, $headers->[$i + 1]];
    }
    push @headers, ['content-length', length $body] if defined $body && !$how{chunked};
    my @pieces = defined $body ? Scim::Http::pieces($body, %how) : ();
    my $given = { headers => \@headers, lengths => [map { length } @pieces], pause => $how{pause} || 0,
                  end => defined $how{stall} ? 'stall' : defined $how{cut_off} ? 'cancel' : 'end' };
    $self->{client}->say($JSON->encode($given));
    $self->{client}->say(MIME::Base64::encode(join('', @pieces), ''));
    my ($head, $content) = map { $self->{client}->line($self->{timeout}) // die "node ended\n" } 1 .. 2;
    my $answer = $JSON->decode($head);
    die "$answer->{error}\n" if $answer->{error};
    $answer->{content} = MIME::Base64::decode($content);
    return $answer;
}

1;
