# SPDX-License-Identifier: Apache-2.0
# Bodies are read completely, however they arrive: plain, over TLS and over HTTP/2,
# at once or in pieces (each a write, a record of TLS, a chunk, or a DATA frame).  A
# body that is too large, too slow or incomplete is refused and stores nothing.
use strict;
use warnings;
use lib 't/lib';
use File::Temp ();
use IO::Compress::Gzip ();
use MIME::Base64 ();
use Scim::Test;

my $LIMIT = 1_048_576;
my $SETTINGS_LIMIT = 65_536;
my @CUTS = ((map { 2**$_ } 0 .. 15), 8191, 8193, 16_383, 16_385);

# Another httpd, with a short timeout and with gzip in one Location.
my $dir = File::Temp::tempdir('scim-bodies-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $own = Scim::Server->new(dir => $dir, database => server(), tls_port => Scim::Server::free_port(), conf => <<'CONF');
Timeout 2
RequestReadTimeout body=1
<Location /scim>
    SetHandler scim
    Require all granted
</Location>
<Location /gzip>
    SetHandler scim
    SetInputFilter DEFLATE
    Require all granted
</Location>
<Location /limited>
    SetHandler scim
    LimitRequestBody 5000
    Require all granted
</Location>
CONF
$own->start;

my ($org, $user, $transport);
my $random = 1;
my $text = join '', map { $random = $random * 16_807 % 2_147_483_647; chr(35 + $random % 57) } 1 .. 40_000;    # without " and \
my $member = 0;

sub json { return JSON::PP->new->canonical->encode($_[0]) }
sub padded { my ($json, $length) = @_; return ' ' x ($length - length $json) . $json }
sub person { return { userName => user_name(), displayName => 'Test User' } }
sub stored { my ($name) = @_; return $org->filter(qq{userName eq "$name"})->{json}{totalResults} }
sub title_of { return $org->get("/Users/$user->{id}")->{json}{title} }

# A request to the settings API, in the name of the organization's administrator.
sub settings {
    my ($method, $path, $body, %how) = @_;
    my $r = Scim::Test::http($transport)->request($method, "/organizations/$org->{key}/api/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), 'Content-Type' => 'application/json',
         Origin => Scim::Test::base_url($transport)], $body, %how);
    $r->{json} = eval { JSON::PP->new->utf8->decode($r->{content}) };
    return $r;
}

# Cut in two, at every byte.
sub cut {
    my @lost;
    for my $cut (@CUTS) {
        my $title = substr $text, $cut % 1000, 34_000 + $cut % 997;
        my $body = json({ %{ person() }, userName => $user->{userName}, title => $title });
        my $r = $org->put("/Users/$user->{id}", $body, how => { pieces => [$cut, length($body)], chunked => $cut % 2 });
        push @lost, "$cut: $r->{status}" if $r->{status} != 200 || $r->{json}{title} ne $title;
    }
    is_deeply \@lost, [], "a body of 34,000 bytes that is cut in two anywhere is stored as it was sent ($transport)";
}

# All the ways in.
sub verbs {
    my $title = substr $text, 0, 30_000;
    my %how = ('at once' => {}, 'a byte at a time' => { pieces => [29_000, 1_000, (1) x 300, 9_000] }, 'in chunks' => { pieces => [4_000], chunked => 1 },
               'in records of 16,384 bytes' => { pieces => [16_384] }, 'with 8,192 bytes first' => { pieces => [8_192, 30_000] });
    for my $name (sort keys %how) {
        my @how = (how => $how{$name});
        my $created = $org->post('/Users', json({ %{ person() }, title => $title }), @how);
        is_deeply [$created->{status}, $created->{json}{title}], [201, $title], "POST $name ($transport)";
        my $operation = { op => 'replace', path => 'title', value => "$name $title" };
        my $patched = $org->patch("/Users/$user->{id}", json({ schemas => [PATCHOP], Operations => [$operation] }), @how);
        is_deeply [$patched->{status}, $patched->{json}{title}], [200, "$name $title"], "PATCH $name ($transport)";
        my $search = json({ schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], filter => qq{id eq "$user->{id}"} });
        is $org->post('/Users/.search', padded($search, 30_000), @how)->{json}{totalResults}, 1, "a search $name ($transport)";
        my @bulk = map { { method => 'PATCH', path => "/Users/$user->{id}", data => { schemas => [PATCHOP], Operations =>
            [{ op => 'replace', path => 'title', value => $_ . substr $text, 0, 3_000 }] } } } 1 .. 10;
        my $bulk = $org->post('/Bulk', json({ schemas => [BULK], Operations => \@bulk }), @how);
        is join(' ', map { $_->{status} } @{ $bulk->{json}{Operations} || [] }), join(' ', (200) x 10), "a bulk request $name ($transport)";
        is title_of(), '10' . substr($text, 0, 3_000), "as it was sent ($transport)";
        my $edited = settings(PATCH => "members/$user->{id}", padded(json({ displayName => "Edited $name" }), 30_000), @how ? %{ $how[1] } : ());
        is_deeply [$edited->{status}, $edited->{json}{displayName}], [200, "Edited $name"], "the settings API $name ($transport)"
            or diag $edited->{content};
    }
    my $slow = $org->post('/Users', json({ %{ person() }, title => $title }), how => { pieces => [100, 9_000], pause => 0.1 });
    is_deeply [$slow->{status}, $slow->{json}{title}], [201, $title], "slowly ($transport)";
    my $small = person();
    is $org->post('/Users', json($small), how => { pieces => [1], chunked => $_ })->{status}, $_ ? 409 : 201,
        "every byte in a piece of its own ($transport)" for 0, 1;
}

# One byte below and above each limit.
sub limits {
    for my $case (['', $LIMIT, 'managed'], ['a limit of its own, ', 2_048, 'small']) {
        my ($which, $limit, $profile) = @$case;
        for my $length ($limit - 1, $limit, $limit + 1) {
            for my $how ({}, { pieces => [16_000] }, { pieces => [16_000], chunked => 1 }) {
                my $person = person();
                my $name = "$which$length bytes " . ($how->{chunked} ? 'in chunks' : $how->{pieces} ? 'in pieces' : 'at once');
                my $r = $org->post('/Users', padded(json($person), $length), profile => $profile, how => $how);
                if ($length <= $limit) {
                    is $r->{status}, 201, "$name are taken ($transport)" or diag $r->{content};
                    next;
                }
                is_error($r, 413, undef, "$name are refused ($transport)");
                is stored($person->{userName}), 0, "and nothing is stored ($transport)";
            }
        }
    }
    is_error($org->post('/Bulk', ' ' x 3_000_000, how => { pieces => [16_000] }), 413, undef, "many bytes too many ($transport)");
    is_error($org->post('/Users', ' ' x 3_000_000, how => { pieces => [16_000] }, token => 'no'), 401, undef, "a large body of nobody is 401 ($transport)");
    for my $length ($SETTINGS_LIMIT - 1 .. $SETTINGS_LIMIT + 1) {
        $member++;
        my $r = settings(PATCH => "members/$user->{id}", padded(json({ displayName => "M $member" }), $length), pieces => [9_000], chunked => $length % 2);
        my $refused = $length > $SETTINGS_LIMIT;
        is $r->{status}, $refused ? 413 : 200, "the settings API with $length bytes ($transport)" or diag $r->{content};
        is $r->{json}{displayName} // 'refused', $refused ? 'refused' : "M $member", "is as it should be ($transport)";
    }
    is settings(POST => 'tokens', ' ' x 3_000_000)->{status}, 413, "and with 3 MB ($transport)";
}

# A body that ends too early is not a document, even if its beginning is a complete
# one.  In HTTP/2 only Content-Length shows that, so without it the document itself is
# cut.
sub broken {
    for my $chunked (0, 1) {
        my $person = person();
        my $body = json($person) . ' ' x 20_000;
        $body = padded($body, 32_001) if $chunked && $transport eq 'h2';
        my $r = eval { $org->post('/Users', $body, how => { pieces => [9_000], cut_off => 12_000, chunked => $chunked }) };
        my $kind = $chunked ? 'in chunks' : 'of a length';
        is_error($r, 400, undef, "a body $kind that is broken off is 400 ($transport)") if $r || $transport eq 'http';
        is stored($person->{userName}), 0, "and nothing of it is stored, $kind ($transport)";
        $member++;
        my $edit = json({ displayName => "M $member" });
        $edit = padded($edit, 12_001) if $chunked && $transport eq 'h2';
        eval { settings(PATCH => "members/$user->{id}", $edit . ' ' x 20_000, cut_off => 12_000, chunked => $chunked) };
        isnt $org->get("/Users/$user->{id}")->{json}{displayName}, "M $member", "nor in the settings API ($transport)";
    }
    is $org->get('/Users?count=0')->{status}, 200, "and it goes on ($transport)";
}

# On the httpd of this file.
sub slow {
    local $org->{http} = Scim::Http->new($own->{ $transport eq 'http' ? 'plain_url' : 'tls_url' }, http2 => $transport eq 'h2');
    my $person = person();
    my $body = json($person) . ' ' x 2_000;
    is_error($org->post('/Users', $body, how => { stall => 500 }), 408, undef, "a body that does not arrive is 408 ($transport)");
    is stored($person->{userName}), 0, "and nothing is stored ($transport)";
    is_error($org->post('/Users', padded($body, 5_001), profile => 'limited'), 413, undef, "HTTP-46: LimitRequestBody is 413 ($transport)");
    is_error($org->post('/Users', ' ' x 500_000, profile => 'limited', how => { pieces => [16_000] }), 413, undef, "HTTP-46: and so is much more ($transport)");
    is $org->post('/Users', padded($body, 5_000), profile => 'limited')->{status}, 201, "up to it all is well ($transport)";
}

# URLs that httpd does not read.
sub long {
    my $long = '/Users?filter=' . uri('userName eq "' . 'x' x 9_000 . '"');
    my $r = $org->get($long);
    is $r->{status}, 414, "a URL over LimitRequestLine is 414 ($transport)";
    # mod_http2 does not report the URL.
    return if $transport eq 'h2';
    is_error($r, 414, undef, "HTTP-46: with a SCIM body ($transport)");
    like $r->{json}{detail}, qr/LimitRequestLine.*POST to \.search/, "that says what helps ($transport)";
    unlike Scim::Test::http($transport)->request(GET => '/plain.txt?' . 'x' x 9_000, [])->{content}, qr/urn:ietf/, "elsewhere it is httpd's page ($transport)";
    my $search = { schemas => ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'], filter => join ' or ', map { qq{id eq "$user->{id}"} } 1 .. 100 };
    is $org->post('/Users/.search', $search)->{json}{totalResults}, 1, "and it does help ($transport)";
}

sub gzip { my ($plain) = @_; IO::Compress::Gzip::gzip(\$plain, \my $packed); return $packed }
sub post_gzip {
    my ($packed, %option) = @_;
    return $org->post('/Users', $packed, profile => 'gzip', %option, headers => { 'Content-Type' => 'application/scim+json',
                      'Content-Encoding' => $option{encoding} || 'gzip' });
}

sub packed {
    local $org->{http} = Scim::Http->new($own->{ $transport eq 'http' ? 'plain_url' : 'tls_url' }, http2 => $transport eq 'h2');
    my $title = substr $text, 0, 30_000;
    my $r = post_gzip(gzip(json({ %{ person() }, title => $title })), how => { pieces => [100] });
    is_deeply [$r->{status}, $r->{json}{title}], [201, $title], "where the operator has set DEFLATE, gzip is taken ($transport)";
    is $org->post('/Users', json(person()), profile => 'gzip')->{status}, 201, "and so is what is not packed ($transport)";
    is_error(post_gzip(gzip(json(person())), profile => 'managed'), 415, undef, "HTTP-27: elsewhere it is 415 ($transport)");
    is_error(post_gzip(json(person()), encoding => 'br'), 415, undef, "HTTP-27: an encoding that nothing decodes is 415 ($transport)");
    is_error(post_gzip(gzip('{"a":"' . $text x 30 . '"}')), 413, undef, "a body that is too large when unpacked is 413 ($transport)");
    is_error(post_gzip(gzip('{"a":"' . 'x' x 20_000_000 . '"}')), 413, undef, "a bomb is 413 ($transport)");
    is_error(post_gzip(gzip('x' x 60_000_000), token => 'no'), 401, undef, "and 401 when it is nobody's ($transport)");
    is_error(post_gzip(substr gzip(json({ %{ person() }, title => $title })), 0, 2_000), 400, undef, "half of it is 400 ($transport)");
    is_error(post_gzip('not packed at all, not packed at all'), 400, undef, "a body that is not gzip is 400 ($transport)");
}

for (qw(http tls h2)) {
    $transport = $_;
    $org = organization(transport => $transport);
    $user = $org->create;
    cut();
    verbs();
    limits();
    broken();
    slow();
    long();
    packed();
}
$own->stop;
done_testing;
