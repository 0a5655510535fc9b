# SPDX-License-Identifier: Apache-2.0
# The cost of one request, one account and one client to others: bytes, memory and
# processor time.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use MIME::Base64 ();
use POSIX ();
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(time);

own_server(threads => 16);     # its children serve no other test
my $LIMIT = 262_144;
my %org = map { $_ => organization(profile => $_) } qw(managed open strict open-strict);
my $org = $org{managed};

# The size of the account in its answer, without members of the server.
sub size {
    my ($user) = @_;
    my %rest = %$user;
    delete @rest{qw(id meta schemas active)};
    return length(JSON::PP->new->utf8->encode(\%rest));
}
sub mail { return { value => sprintf('%05d', $_[0]) . 'm' x ($_[1] - 5) } }
sub photos { my ($count, $length) = @_; return [map { { value => sprintf('https://p/%05d', $_) . 'p' x $length } } 1 .. $count] }
sub is_too_large {
    my ($r, $name) = @_;
    is_error($r, 413, undef, $name);
    like $r->{json}{detail}, qr/^(?:Operation 1: )?The account would have \d{6,} bytes; at most $LIMIT are allowed\./, "$name: with both sizes";
}

# Every way to write
for my $profile (sort keys %org) {
    my $o = $org{$profile};
    my $user = $o->create;
    my %body = (schemas => [CORE], userName => user_name(), displayName => 'Large', emails => [map { mail($_, 800) } 1 .. 350]);
    is_too_large($o->post('/Users', \%body), "POST, $profile");
    is_too_large($o->put("/Users/$user->{id}", { %body, userName => $user->{userName} }), "PUT, $profile");
    is_too_large($o->patch_ops($user->{id}, { op => 'add', path => 'emails', value => $body{emails} }), "PATCH, $profile");
    my $r = $o->post('/Bulk', { schemas => [BULK], Operations => [
        { method => 'POST', path => '/Users', bulkId => 'a', data => \%body },
        { method => 'PUT', path => "/Users/$user->{id}", data => { %body, userName => $user->{userName} } },
        { method => 'PATCH', path => "/Users/$user->{id}", data => { schemas => [PATCHOP], Operations => [
            { op => 'add', path => 'emails', value => $body{emails} }] } }] });
    is_deeply [map { $_->{status} } @{ $r->{json}{Operations} || [] }], [413, 413, 413], "in bulk, $profile" or diag $r->{content};
    is_deeply $o->get("/Users/$user->{id}")->{json}, $user, "nothing was changed, $profile";
}
like Scim::Test::error_log(), qr/413 for PATCH \S+: .*Cause: the limit is SCIMMaxResourceSize/, 'the log names the directive';

# By small steps, in every list and in single values: an account stops growing.
my %grow = (
    'a list of e-mails' => sub { { op => 'add', path => 'emails', value => [map { mail($_[0] * 10 + $_, 2000) } 0 .. 9] } },
    'photos' => sub { { op => 'add', path => 'photos', value => [{ value => "https://p/$_[0]/" . 'p' x 20_000 }] } },
    'single values' => sub { { op => 'replace', path => (qw(title nickName userType locale profileUrl name.formatted name.middleName))[$_[0] % 7], value => 'x' x 60_000 } },
    'the extension' => sub { { op => 'replace', path => ENT . ':' . (qw(department division costCenter organization employeeNumber))[$_[0] % 5], value => 'ü' x 30_000 } },
    'one value in each element' => sub { { op => 'replace', path => 'emails[value pr].display', value => 'x' x (400 * $_[0]) } },
);
for my $what (sort keys %grow) {
    my $user = $org->create(emails => [map { mail($_, 20) } 1 .. 100]);
    my ($r, $steps) = (undef, 0);
    do { $r = $org->patch_ops($user->{id}, $grow{$what}->(++$steps)) } while $r->{status} == 200 && $steps < 60;
    is_too_large($r, "$what: growing ends");
    cmp_ok size($org->get("/Users/$user->{id}")->{json}), '<=', $LIMIT, "$what: below the limit";
}

# The limit itself, to the byte
my $small = organization(profile => 'small');
my $edge = $small->create;
sub titled { return $small->patch_ops($edge->{id}, { op => 'replace', path => 'title', value => 'x' x $_[0] }) }
sub described { return $small->patch_ops($edge->{id}, { op => 'replace', path => 'nickName', value => 'n' x $_[0] }) }
is titled(1500)->{status}, 200, 'a title';
is described(1500)->{status}, 200, 'and a nickName';
my ($fits, $not) = (1500, 4096);
while ($not - $fits > 1) {
    my $try = int(($fits + $not) / 2);
    my $r = $small->patch_ops($edge->{id}, { op => 'replace', path => 'userType', value => 'u' x ($try - 1500 + 1) });
    $r->{status} == 200 ? $fits = $try : ($not = $try);
}
my $at_limit = $small->get("/Users/$edge->{id}")->{json};
cmp_ok abs(size($at_limit) - 4096), '<', 64, 'SCIMMaxResourceSize 4096 of a Location: an account of that size fits' or diag size($at_limit);
is $small->patch_ops($edge->{id}, { op => 'replace', path => 'userType', value => $at_limit->{userType} . 'u' })->{status}, 413, 'one byte more does not';
like $small->patch_ops($edge->{id}, { op => 'add', path => 'emails', value => [{ value => 'x' }] })->{json}{detail}, qr/at most 4096 are allowed/, 'the detail has the limit';
is $small->patch_ops($edge->{id}, { op => 'replace', path => 'active', value => FALSE })->{status}, 200, 'deactivation has no size';

# Accounts that are too large already, from before or by SQL
sub large_one {
    my ($o) = @_;
    my $user = $o->create(roles => [{ value => 'USER' }]);
    sql('UPDATE scim.account SET attributes = attributes || jsonb_build_object($2::text, (SELECT jsonb_agg(jsonb_build_object($3::text, n || repeat($4, 2000)))'
        . ' FROM generate_series(1, 500) n)) WHERE id = $1', $user->{id}, 'emails', 'value', 'm');
    return $user->{id};
}
my $large = large_one($org);
my $r = $org->get("/Users/$large");
is $r->{status}, 200, 'an account of 1 MB is read';
cmp_ok length $r->{content}, '>', 1_000_000, 'as a whole';
is $org->get('/Users')->{status}, 200, 'and does not spoil the list';
is_user($org->patch_ops($large, { op => 'replace', path => 'active', value => FALSE }), 200, { active => FALSE }, 'it is deactivated');
is $org->patch_ops($large, { op => 'replace', path => 'roles[primary eq "True"].value', value => 'GUEST' })->{json}{roles}[0]{value}, 'GUEST', 'loses its role';
is $org->patch_ops($large, { op => 'remove', path => 'emails[value ew "0' . 'm' x 2000 . '"]' })->{status}, 200, 'is made smaller, though not small';
is_too_large($org->patch_ops($large, { op => 'replace', path => 'title', value => 'x' x 100 }), 'does not grow');
is $org->patch_ops($large, { op => 'remove', path => 'emails' }, { op => 'replace', path => 'title', value => 'x' })->{status}, 200, 'is made small';
is $org->patch_ops($large, { op => 'replace', path => 'title', value => 'x' x 100 })->{status}, 200, 'and then changed like others';
$large = large_one($org);
is $org->delete("/Users/$large")->{status}, 204, 'is deleted';
$large = large_one($org);
$r = Scim::Test::http()->request(PATCH => "/organizations/$org->{key}/api/members/$large", [
    Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => server()->{url}, 'Content-Type' => 'application/json'], '{"active":false}');
is $r->{status}, 200, 'is deactivated on the settings page' or diag $r->{content};

# Work
sub children { return split ' ', Scim::Process::run(['pgrep', '-P', server()->httpd_pid])->{out} }
sub cpu {
    my $ticks = 0;
    for my $child (children()) {
        open my $in, '<', "/proc/$child/stat" or next;
        my @fields = split ' ', readline_once($in);
        $ticks += $fields[13] + $fields[14];
    }
    return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}
sub readline_once { my ($in) = @_; return scalar <$in> }
my $long = $org->create(emails => [map { { value => sprintf('%04d', $_) . 'A' x 230 } } 1 .. 900])->{id};
my $greek = $org->create(emails => [map { { value => sprintf('%04d', $_) . 'Ä' x 115 } } 1 .. 900])->{id};
my $many = $org->create(emails => [map { { value => sprintf '%04d', $_ } } 1 .. 1000])->{id};
my $nameless = $org{strict}->create(emails => [map { { display => sprintf '%04d', $_ } } 1 .. 1000])->{id};
sub terms { my ($term, $count) = @_; return join ' or ', map { sprintf $term, $_ } 1 .. ($count || 128) }
sub patch { my ($id, @operations) = @_; return $org->patch_ops($id, @operations) }
sub patches_in_bulk {
    my ($count) = @_;
    return $org->post('/Bulk', { schemas => [BULK], Operations => [map { { method => 'PATCH', path => "/Users/$long", data => { schemas => [PATCHOP],
        Operations => [{ op => 'remove', path => 'emails[' . terms('value co "z%d"') . '].display' }] } } } 1 .. $count] });
}
# Whose account, and the operations on it
my %hostile = (
    '128 terms on long elements' => sub { ($org, $long, map { { op => 'remove', path => 'emails[' . terms('value co "z%d"') . '].display' } } 1 .. 300) },
    '128 terms that are folded' => sub { ($org, $greek, map { { op => 'remove', path => 'emails[' . terms('value co "ä%d"') . '].display' } } 1 .. 300) },
    'not and in brackets' => sub { ($org, $greek, map { { op => 'remove', path => 'emails[not (' . terms('value ew "Ä%d"', 127) . ') and type eq "x"].display' } } 1 .. 300) },
    'short filters, many times' => sub { ($org, $greek, map { { op => 'remove', path => 'emails[value eq "z"]' } } 1 .. 1000) },
    'elements to remove by value' => sub { ($org, $greek, map { { op => 'remove', path => 'emails', value => [{ value => 'z' }] } } 1 .. 1000) },
    'elements to remove as a whole' => sub { ($org{strict}, $nameless, map { { op => 'remove', path => 'emails', value => [map { { display => "z$_" } } 1 .. 500] } } 1 .. 90) },
    'elements that are there already' => sub { ($org, $many, map { { op => 'add', path => 'emails', value => [map { { value => '1000' } } 1 .. 40] } } 1 .. 1000) },
    'a long text into each' => sub { ($org, $many, map { { op => 'replace', path => 'emails[value pr].display', value => 'x' x 60_000 } } 1 .. 15) },
    'an object into each' => sub { ($org, $many, map { { op => 'add', path => 'emails[value pr]', value => { display => 'x', type => "t$_" } } } 1 .. 1000) },
    'unknown members into each' => sub { ($org, $many, { op => 'add', path => 'emails[value pr]', value => { map { ("u$_", 1) } 1 .. 80_000 } }) },
    'JSON in strings into each' => sub { ($org, $many, map { { op => 'add', path => 'emails[value pr]', value => '{"display":"' . 'x' x 9000 . '"}' } } 1 .. 100) },
);
# Each is written as JSON once, which takes longer than what httpd does with it.
my %text;
sub send_hostile {
    my ($what) = @_;
    my ($of, $path, $body) = @{ $text{$what} //= do {
        my ($whose, $id, @operations) = $hostile{$what}->();
        [$whose, "/Users/$id", JSON::PP->new->utf8->encode({ schemas => [PATCHOP], Operations => \@operations })];
    } };
    return $of->patch($path, $body);
}
for my $what (sort keys %hostile) {
    my $before = cpu();
    $r = send_hostile($what);
    cmp_ok cpu() - $before, '<', 1.5, "$what: takes a second of httpd's time at most";
    is_error($r, 400, 'tooMany', "$what: is refused");
    like $r->{json}{detail}, qr/Operation \d+: The request exceeds the work limit of one request: send fewer operations, /, "$what: with what would help";
}
my $before = cpu();
$r = patches_in_bulk(100);
cmp_ok cpu() - $before, '<', 1.5, 'a bulk request has no more time than others';
my @statuses = map { $_->{status} } @{ $r->{json}{Operations} };
is join(' ', @statuses), join(' ', sort @statuses), 'operations that were done within the work limit are kept';
is_deeply [@statuses[0, 99], $r->{json}{Operations}[99]{response}{scimType}], [200, 400, 'tooMany'], 'the rest is tooMany';
$before = cpu();
$r = $org->post('/Users', { userName => user_name(), displayName => 'X', emails => [('a') x 250_000] });
is $r->{status}, 400, 'a list of 250,000 elements';
like $r->{json}{detail}, qr/more than 1000 elements/, 'is refused at the thousand and first';
$r = $org->post('/Users/.search', { attributes => join ',', map { "a$_" } 1 .. 130_000 });
is $r->{status}, 200, '130,000 names to project';
cmp_ok cpu() - $before, '<', 2, 'both in a second each';

# Legitimate requests
is patch($many, map { { op => 'replace', path => "emails[value eq \"000$_\"].display", value => "d$_" } } 1 .. 9)->{status}, 200, 'filters on 1,000 elements';
is patch($org->create->{id}, map { { op => 'replace', path => 'title', value => "t$_" } } 1 .. 1000)->{status}, 200, '1,000 operations on an ordinary account';
$r = $org->post('/Bulk', { schemas => [BULK], Operations => [map { { method => 'POST', path => '/Users', bulkId => "b$_", data => {
    schemas => [CORE], userName => user_name(), displayName => "U$_", emails => [map { { value => "$_\@x.y", type => $_ } } qw(work home other)],
    phoneNumbers => [{ value => '+81 1', type => 'work' }], name => { givenName => 'G', familyName => 'F' } } } } 1 .. 500] });
is_deeply [grep { $_->{status} != 201 } @{ $r->{json}{Operations} }], [], 'a bulk of 500 ordinary creations';

# Memory: eight requests at the same time, of each kind
sub peak {
    my $kb = 0;
    for my $child (children()) {
        open my $in, '<', "/proc/$child/status" or next;
        while (<$in>) { $kb += $1 if /^VmHWM:\s+(\d+)/ }
    }
    return $kb / 1024;
}
for my $what ('a long text into each', 'an object into each', 'JSON in strings into each', 'unknown members into each') {
    my @clients = map { Scim::Process->start(sub { send_hostile($what) }) } 1 .. 8;
    $_->wait for @clients;
}
cmp_ok peak(), '<', 1000, 'eight hostile clients at a time leave httpd below 1 GB';

# Requests of clients that have gone are ended.
sub left_alone {
    my ($transport) = @_;
    my $mine = organization(transport => $transport);
    my $body = JSON::PP->new->utf8->encode({ schemas => [BULK], Operations => [map { { method => 'PATCH', path => "/Users/" . $mine->{issuer}, data => {
        schemas => [PATCHOP], Operations => [{ op => 'replace', path => 'title', value => "t$_" }] } } } 1 .. 1000] });
    my $http = Scim::Http->new(Scim::Test::base_url($transport), http2 => 0);
    print { $http->connect } "POST " . $mine->path . "/Bulk HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer $mine->{token}\r\n"
                     . "Content-Type: application/scim+json\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
    $http->{socket}->flush;
    # Slow enough that the client can leave in time.
    Scim::Server::wait_until('the first change', 30, sub { event_count($mine) > 0 });
    close delete $http->{socket};
    my $seen = -1;
    Scim::Server::wait_until('the last change', 60, sub { my $last = $seen; $seen = event_count($mine); sleep 1; return $seen == $last });
    return $seen;
}
sql(q{CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END'; CREATE TRIGGER slow BEFORE UPDATE ON scim.account FOR EACH ROW EXECUTE FUNCTION public.slow()});
for my $transport (qw(http tls)) {
    my $done = left_alone($transport);
    cmp_ok $done, '<', 900, "a client that hung up ($transport) ends a bulk request" or diag $done;
}
sql('DROP TRIGGER slow ON scim.account');
done_testing;
