# SPDX-License-Identifier: Apache-2.0
package Scim::Hostile;
# Hostile requests: real ones, altered at random.
#
#   my $hostile = Scim::Hostile->new(seed => 42, organization => $org, ...);
#   my $text = $hostile->request;          # as it goes over the wire
#
# The same seed makes the same requests.
use strict;
use warnings;
use JSON::PP ();
use MIME::Base64 ();

my @METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'get', 'X' x 300, 'SEARCH', "G\x00T");
my @BITS = ('%00', '%2F', '%2e%2e', '..', '//', '?', '%', '%zz', '#', '[', '"', "'", '\\', "\xff", "\xc0\x80", '%C0%80', '%F0%9F%98%80',
            "\x00", "\t", "\r", "\n", ';', '&', '=', '+', '*', ',', '{', '}', '{{{{{{{{{{{{{{{{{{{{', '[[[[[[[[[[[[[[[[[[[[', 'null', 'true',
            '-1', '0', '9223372036854775808', '1e308', '1e-400', 'a' x 9000, "\x{e2}\x{80}\x{8b}", '$(id)', "'; DROP TABLE scim.account; --",
            'bulkId:x', '\\u0000', '\\ud800', '"a":', '${jndi:x}', '%n%s%n');
my %VALUES = (
    'Content-Type' => ['application/scim+json', 'application/json', 'text/plain', 'application/scim+json; charset=utf-16', '', ';', "\xff",
                       'multipart/form-data; boundary=x', 'application/json;;;charset="'],
    'Accept' => ['*/*', 'text/html', 'application/scim+json;q=0', 'a' x 7000, ',,,;;;', 'application/json;q=x'],
    'If-Match' => ['*', 'W/"1"', '"1"', 'W/"', '"1", W/"2",', ',', '"' x 3000],
    'If-None-Match' => ['*', 'W/"1"', 'W/"1-gzip"', '""'],
    'Range' => ['bytes=0-1', 'bytes=0-0,1-1,2-2,3-3', 'bytes=-1', 'x=1'],
    'Expect' => ['100-continue', 'x'],
    'Host' => ['', 'x', '127.0.0.1', "a\xff", 'h:99999', '[::1]', 'a' x 3000],
    'Authorization' => ['Bearer', 'Bearer ', 'bearer x', 'Bearer scim_', 'Bearer ' . 'f' x 8000, "Bearer \xff\xfe", 'Basic', 'Basic !!!',
                        'Basic ' . MIME::Base64::encode("\xff:x", ''), 'Basic ' . MIME::Base64::encode("a\tb:x", ''), 'Digest x=y', 'Negotiate '],
    'Transfer-Encoding' => ['chunked', 'gzip', 'chunked, chunked', 'identity', 'x'],
    'Content-Encoding' => ['gzip', 'x'],
    'Accept-Encoding' => ['gzip', 'br;q=1.0, *;q=0'],
    'Connection' => ['close', 'keep-alive', 'Upgrade, HTTP2-Settings', 'Authorization', 'x'],
    'Upgrade' => ['h2c', 'websocket', 'TLS/1.0'],
    'Origin' => ['null', 'http://evil.example', 'x'],
    'Sec-Fetch-Site' => ['cross-site', 'same-origin', 'x'],
    'X-Forwarded-Proto' => ['https', 'x'],
    'X-HTTP-Method-Override' => ['DELETE'],
    'Cookie' => ['a=b', 'x' x 5000],
);
my @FIELDS = sort keys %VALUES;
my @PARAMETERS = qw(filter sortBy sortOrder startIndex count cursor attributes excludedAttributes aadOptscim062020 x account outcome before);

# new(seed, exchanges): real requests, each {method, target, headers => {...}, body,
# raw_filters => [...]}.
sub new {
    my ($class, %option) = @_;
    my $self = bless { %option }, $class;
    srand $self->{seed};
    $self->{filters} = [grep { !/^#/ } map { s/^! ?//r } split /\n/, slurp('t/corpus/filters.txt')];
    # The first byte of an input chooses modes of a harness.
    $self->{bodies} = [map { substr slurp($_), 1 } sort glob 't/fuzz/corpus/{body,patch,bulk}/*'];
    push @{ $self->{bodies} }, map { slurp($_) } sort glob 't/fuzz/corpus/json/*';
    return $self;
}

sub slurp { my ($file) = @_; open my $in, '<:raw', $file or die "$file: $!"; local $/; return scalar <$in> }
sub one_of { return $_[rand @_] }
sub chance { return rand() < $_[0] }

sub escaped { my ($text) = @_; $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge; return $text }

# A text with random alterations.
sub altered {
    my ($text, @others) = @_;
    for (1 .. 1 + rand 4) {
        my $at = int rand 1 + length $text;
        my $length = int rand 1 + length($text) - $at;
        $length = 8 if $length > 8 && chance(0.7);
        my $way = int rand 6;
        if ($way == 0) { substr($text, $at, 0) = one_of(@BITS) }
        elsif ($way == 1) { substr($text, $at, $length) = '' }
        elsif ($way == 2) { substr($text, $at, $length) = one_of(@BITS) }
        elsif ($way == 3) { substr($text, $at, 0) = substr($text, $at, $length) x (1 + rand 20) }
        elsif ($way == 4) { substr($text, $at, 1) = chr rand 256 if length $text > $at }
        elsif (@others) { my $other = one_of(@others); substr($text, $at, $length) = substr $other, rand length $other }
    }
    return length $text > 200_000 ? substr $text, 0, 200_000 : $text;
}

sub query {
    my ($self) = @_;
    return join '&', map {
        my $name = one_of(@PARAMETERS);
        my $value = $name eq 'filter' ? one_of(@{ $self->{filters} })
                  : $name =~ /count|startIndex|before/ ? one_of(-1, 0, 1, 5, '', 'x', '99999999999999999999', '1.5')
                  : one_of('userName', 'emails.value', 'emails[type eq "work"].value', 'name', 'descending', 'x', '');
        $value = altered($value, @{ $self->{filters} }) if chance(0.5);
        $name . (chance(0.95) ? '=' . (chance(0.9) ? escaped($value) : $value =~ s/[ \r\n]/+/gr) : '');
    } 1 .. 1 + rand 3;
}

# One request as text; about half of its parts are altered.
sub request { my ($self) = @_; return $self->as_text($self->exchange) }

# One of the exchanges, altered: its method, target, headers and body.
sub exchange {
    my ($self) = @_;
    my %exchange = %{ one_of(@{ $self->{exchanges} }) };
    my %headers = %{ $exchange{headers} };
    my ($method, $target, $body) = @exchange{qw(method target body)};
    $method = one_of(@METHODS) if chance(0.1);
    $target .= (index($target, '?') < 0 ? '?' : '&') . $self->query if chance($method eq 'GET' ? 0.5 : 0.1);
    $target = altered($target) if chance(0.2);
    $body = one_of(@{ $self->{bodies} }) if chance(0.3) && defined $body;
    $body = altered($body, @{ $self->{bodies} }) if chance(0.5) && defined $body;
    for (1 .. rand 3) {
        my $field = one_of(@FIELDS);
        $headers{$field} = one_of(@{ $VALUES{$field} });
    }
    delete $headers{ one_of(sort keys %headers) } if chance(0.1);
    return ($method, $target, \%headers, $body);
}

sub as_text {
    my ($self, $method, $target, $headers, $body) = @_;
    my %fields = %$headers;
    if (defined $body) {
        if (chance(0.2) || ($fields{'Transfer-Encoding'} // '') eq 'chunked') {
            $fields{'Transfer-Encoding'} = 'chunked';
            my @pieces = map { substr $body, $_ * 50, 50 } 0 .. (length($body) - 1) / 50;
            @pieces = splice @pieces, 0, 40;
            $body = join('', map { sprintf "%x%s\r\n%s\r\n", length, chance(0.05) ? one_of(@BITS) : '', $_ } @pieces) . "0\r\n\r\n";
        }
        else {
            $fields{'Content-Length'} = chance(0.95) ? length $body : one_of(0, 1, length($body) + 7, -1, 'x', '99999999999999999999');
        }
    }
    my $text = "$method $target HTTP/1." . (chance(0.97) ? 1 : one_of(0, 2, '')) . "\r\n"
        . join('', map { "$_: $fields{$_}\r\n" } sort keys %fields) . "\r\n" . ($body // '');
    return chance(0.1) ? altered($text) : $text;
}

1;
