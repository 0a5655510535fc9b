# SPDX-License-Identifier: Apache-2.0
# Names: which ones are the same, in C and in SQL, and which characters they cannot
# have, in every kind of request.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(encode_utf8 decode_utf8);
use File::Temp;
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

my $org = organization();

sub scimctl {
    my (@arguments) = @_;
    my $done = Scim::Process::run([server()->scimctl(map { encode_utf8($_) } @arguments)]);
    return ($done->{status}, decode_utf8($done->{out} . $done->{err}));
}
sub import_file {
    my ($text) = @_;
    my $file = File::Temp->new;
    print $file encode_utf8($text);
    close $file;
    return scimctl('account', 'import', $org->{key}, "$file");
}
sub page {
    my ($method, $path, $body) = @_;
    my $r = Scim::Test::http()->request($method, "/organizations/$org->{key}/$path",
        [Authorization => 'Basic ' . MIME::Base64::encode("$org->{issuer_name}:x", ''), Origin => server()->{url}, 'Content-Type' => 'application/json'],
        JSON::PP->new->utf8->encode($body));
    $r->{json} = eval { JSON::PP->new->utf8->decode($r->{content}) };
    return $r;
}
sub sql_fails { my (@statement) = @_; return eval { sql(@statement); 1 } ? '' : $@ }

# Equal names: full case folding, independent of the neighbours of a letter
my %same = (
    'a final sigma' => ['ΟΔΟΣ', 'οδος', 'οδοσ'], 'sigmas within an address' => ['ΣΟΦΙΑ.ΠΑΠΠΑΣ', 'σοφια.παππας', 'σοφια.παππασ'],
    'a sharp s' => ['Straße', 'STRASSE', 'STRAẞE'], 'a Turkish capital' => ['İbrahim', "i\x{307}brahim"],
    'Cherokee' => ["\x{13a0}\x{13f8}", "\x{ab70}\x{13f0}"], 'an umlaut in two parts' => ['müller', "mu\x{308}ller", 'MÜLLER'],
    'full-width letters' => ['ＴＡＲＯ', 'taro'], 'a micro sign' => ["\x{b5}", "\x{3bc}", "\x{39c}"],
);
for my $what (sort keys %same) {
    my ($first, @others) = map { $_ . '.' . $org->{key} . '@example.com' } @{ $same{$what} };
    my $user = $org->create(userName => $first);
    for my $other (@others) {
        is_list($org->filter(qq(userName eq "$other")), [$first], "$what: the account is found");
        is_error($org->post('/Users', { userName => $other, displayName => 'x' }), 409, 'uniqueness', 'and is not made twice');
    }
}
my $dotless = $org->create(userName => "\x{131}.$org->{key}\@example.com");
is_list($org->filter(qq(userName eq "i.$org->{key}\@example.com")), [], 'a dotless i is not an i');

# A part of a name is found as it was typed, in SQL (columns and JSON) and in C
# (PATCH paths)
my $greek = $org->create(displayName => 'ΟΔΟΣ ΑΘΗΝΑΣ', nickName => 'ΣΟΦΟΣ', emails => [{ type => 'work', value => 'ΚΩΣΤΑΣ@example.com' }]);
for my $filter ('displayName sw "ΟΔΟΣ"', 'displayName sw "οδος"', 'displayName co "ΔΟΣ"', 'displayName co "ος αθ"', 'displayName ew "ΑΘΗΝΑΣ"', 'displayName ew "ηνασ"',
                'nickName sw "σοφος"', 'nickName sw "ΣΟΦΟΣ"', 'nickName co "ΦΟΣ"', 'emails.value sw "κωστας"', 'emails[value co "ΤΑΣ"]', 'emails[value eq "κωστασ@EXAMPLE.com"]') {
    is_list($org->filter($filter), [$greek->{userName}], $filter);
}
is $org->patch_ops($greek->{id}, { op => 'replace', path => 'emails[value sw "κωστας"].type', value => 'home' })->{json}{emails}[0]{type}, 'home', 'a path finds it in C';

# C and SQL make the same keys and know the same names, for every character
{
    my $differences = 0;
    my $file = File::Temp->new;
    print $file map { my $c = $_; sprintf "%x\n", $c } grep { $_ < 0xd800 || $_ > 0xdfff } 1 .. 0x2ffff, 0xe0000 .. 0xe0fff;
    close $file;
    my $done = Scim::Process::run(['t/unit/text_keys', "$file"]);
    my @c = map { [split / /, $_, -1] } split /\n/, $done->{out};
    is $done->{status}, 0, 'C gives the keys of all characters';
    my %sql = map { $_->[0] => $_ } sql(<<'SQL');
SELECT to_hex(i), encode(convert_to(scim.fold('a' || chr(i) || 'b'), 'UTF8'), 'hex'), encode(convert_to(scim.user_name_key('a' || chr(i)), 'UTF8'), 'hex'),
       CASE WHEN scim.is_identifier('a' || chr(i) || 'b') THEN 1 ELSE 0 END, CASE WHEN scim.is_name('a' || chr(i)) THEN 1 ELSE 0 END
FROM (SELECT generate_series(1, 196607) i UNION ALL SELECT generate_series(917504, 921599)) n WHERE i NOT BETWEEN 55296 AND 57343
SQL
    my %differ = map { $_ => [] } 1 .. 4;
    for my $row (@c) {
        my $other = $sql{ $row->[0] };
        $row->[$_] eq $other->[$_] or push @{ $differ{$_} }, $row->[0] for 1 .. 4;
    }
    cmp_ok scalar(@c), '>', 195_000, 'both sides have seen them';
    # U+FDD0 is not a character; the folding uses it internally.
    is_deeply $differ{1}, ['fdd0'], 'scim.fold is the fold of C';
    is_deeply $differ{2}, ['fdd0'], 'scim.user_name_key is the key of C';
    is_deeply $differ{3}, [], 'scim.is_identifier refuses what C refuses';
    # Only C knows where joiners and variation selectors are allowed.
    is_deeply [grep { !/^(?:180[bcdf]|200[cd]|fe0.|e01..)$/ } @{ $differ{4} }], [], 'scim.is_name refuses what C refuses';
}

# Forbidden characters
my %bad = ("\x{a0}" => 'U+00A0', "\x{200b}" => 'U+200B', "\x{3000}" => 'U+3000', "\x{2003}" => 'U+2003', "\x{feff}" => 'U+FEFF', "\x{ad}" => 'U+00AD',
           "\x{2060}" => 'U+2060', "\x{200d}" => 'U+200D', "\x{202e}" => 'U+202E', "\x{2066}" => 'U+2066', "\x{3164}" => 'U+3164', "\x{2028}" => 'U+2028',
           "\x{85}" => 'U+0085', "\x{fe0f}" => 'U+FE0F', "\x{180e}" => 'U+180E', "\x{2800}" => 'U+2800', "\x{e0041}" => 'U+E0041',
           "\x{fffc}" => 'U+FFFC', "\x{1d159}" => 'U+1D159', "\x{fdd0}" => 'U+FDD0');
my $user = $org->create;
for my $character (sort keys %bad) {
    my $code = $bad{$character};
    my $name = "taro$character" . user_name();
    for my $profile (qw(managed open strict)) {
        my $r = $org->post('/Users', { schemas => [CORE], userName => $name, displayName => 'x' }, profile => $profile);
        is_error($r, 400, 'invalidValue', "POST of a userName with $code ($profile)");
        like $r->{json}{detail}, qr/userName.*\Q$code\E/, 'names attribute and character';
    }
    like $org->put("/Users/$user->{id}", { userName => $name, displayName => 'x' })->{json}{detail}, qr/userName.*\Q$code\E/, "PUT of one with $code";
    like $org->patch_ops($user->{id}, { op => 'replace', value => { userName => $name } })->{json}{detail}, qr/userName.*\Q$code\E/, 'and PATCH';
    like +(import_file("userName,displayName\n$name,x\n"))[1], qr/:2: .*userName.*\Q$code\E/, 'and import';
    isnt sql_fails('INSERT INTO scim.account (organization_id, user_name) VALUES ($1, $2)', $org->{id}, $name), '', 'and SQL';
    isnt sql_fails('UPDATE scim.account SET user_name = $2 WHERE id = $1', $user->{id}, $name), '', 'and an UPDATE';
}
for my $character (grep { !/[\x{a0}\x{3000}\x{2003}\x{2800}]/ } sort keys %bad) {
    my $code = $bad{$character};
    my $name = "Ta${character}ro";
    my $joins = $code =~ /200D|FE0F/;
    for my $answer ($org->post('/Users', { userName => user_name(), displayName => $name }), $org->put("/Users/$user->{id}", { userName => $user->{userName}, displayName => $name }),
                    $org->patch_ops($user->{id}, { op => 'replace', path => 'displayName', value => $name })) {
        is $answer->{status}, 400, "a displayName with $code is refused";
        like $answer->{json}{detail}, qr/displayName.*\Q$code\E/, 'by attribute and character';
    }
    like +(import_file("userName,displayName\n@{[user_name()]},$name\n"))[1], qr/:2: .*displayName.*\Q$code\E/, 'by import, too';
    like page(PATCH => "api/members/$user->{id}", { displayName => $name })->{json}{message}, qr/\Q$code\E/, 'and on the page';
    like page(POST => 'api/tokens', { name => $name })->{json}{message}, qr/\Q$code\E/, 'where a token cannot have it';
    like +(scimctl('token', 'generate', $org->{key}, '--issuer', $org->{issuer_name}, '--name', $name))[1], qr/\Q$code\E/, 'nor by scimctl';
    like +(scimctl('org', 'add', 'x' . lc $org->{key}, '--name', $name))[1], qr/\Q$code\E/, 'nor an organization';
    isnt sql_fails('UPDATE scim.account SET display_name = $2 WHERE id = $1', $user->{id}, $name), '', 'nor SQL' unless $joins;
    isnt sql_fails('UPDATE scim.token SET name = $2 WHERE id = $1', $org->{token_id}, $name), '', 'nor SQL a token' unless $joins;
    is_error($org->post('/Users', { userName => "x.$org->{key}", displayName => 'x', roles => [{ value => "US${character}ER" }] }, profile => 'open'), 400, 'invalidValue', 'nor a role');
    like +(import_file("user${character}Name,displayName\nx,y\n"))[1], qr/:1: .*\Q$code\E/, 'nor the head of a column';
}
for my $blank (' ', "\x{3000}", "\x{a0}\t", "\x{200b}") {
    is_error($org->post('/Users', { userName => user_name(), displayName => $blank }), 400, 'invalidValue', 'a blank displayName is refused');
    is_error($org->patch_ops($user->{id}, { op => 'replace', path => 'displayName', value => $blank }), 400, 'invalidValue', 'in PATCH, too');
    is page(PATCH => "api/members/$user->{id}", { displayName => $blank })->{status}, 400, 'and on the page';
    isnt sql_fails('UPDATE scim.account SET display_name = $2 WHERE id = $1', $user->{id}, $blank), '', 'and by SQL';
}
for my $name ('山田　太郎', "辻\x{e0100}", "علی\x{200c}رضا", "Zoë \x{1f469}\x{200d}\x{1f52c}", "O'Malley", '[Acme] Taro') {
    is $org->create(displayName => $name)->{displayName}, $name, "a displayName can be $name";
}
is $org->post('/Users', { userName => "Two Words $org->{key}", displayName => 'x' }, profile => 'open')->{status}, 201, 'a userName of two words is one in the profile open';
is $org->post('/Users', { userName => "Two  Words $org->{key}", displayName => 'x' }, profile => 'open')->{status}, 400, 'with two blanks it is none';

# Accounts with old names can be deactivated all the same.
{
    my $old = organization(domains => ['example.com']);
    my $leaver = $old->create;
    sql_unchecked('UPDATE scim.account SET user_name = $2, display_name = $3 WHERE id = $1',
        $leaver->{id}, "old\x{a0}name\@elsewhere.example", "\x{200b}");
    my $r = $old->patch_ops($leaver->{id}, { op => 'Replace', path => 'active', value => 'False' });
    is $r->{status}, 200, 'an account with a name of old is deactivated' or diag $r->{content};
    is $r->{json}{active}, FALSE, 'and is inactive';
    $r = $old->put("/Users/$leaver->{id}", { userName => $r->{json}{userName}, displayName => $r->{json}{displayName}, title => 't', active => TRUE });
    is $r->{status}, 200, 'a PUT of the same names changes something else, too' or diag $r->{content};
    is sql_fails('UPDATE scim.account SET active = false WHERE id = $1', $leaver->{id}), '', 'and so does SQL';
}

# Domains are compared as in DNS.
{
    my $idn = organization(domains => ['bücher.example', 'xn--wgv71a119e.jp']);
    for my $domain ('bücher.example', 'BÜCHER.EXAMPLE', "bu\x{308}cher.example", 'xn--bcher-kva.example', 'XN--BCHER-KVA.example', '日本語.jp', 'xn--wgv71a119e.jp') {
        is $idn->post('/Users', { userName => random_name() . "\@$domain", displayName => 'x' })->{status}, 201, "a userName in $domain";
    }
    for my $domain ('bucher.example', 'xn--bcher-kva.example.org', 'buecher.example', 'sub.bücher.example') {
        is_error($idn->post('/Users', { userName => random_name() . "\@$domain", displayName => 'x' }), 400, 'invalidValue', "none in $domain");
    }
    for my $wrong ('https://x.com', '*.x.com', 'x.com/', 'x..com', '-x.com', 'x.com:443', 'x y.com', '@x.com', "x\x{200b}\x{202e}.com") {
        my ($status, $said) = scimctl('org', 'add', 'idn-' . random_name(), '--domain', $wrong);
        is $status, 1, "scimctl takes no domain '$wrong'";
        like $said, qr/domain/, 'and says so';
        isnt sql_fails('UPDATE scim.organization SET domains = $2::text[] WHERE id = $1', $idn->{id}, qq({"$wrong"})), '', 'nor does SQL' unless $wrong =~ /\x{202e}/;
    }
}

# A userName has at most 512 characters, not bytes, and its owner can sign in.
{
    my $long = organization();
    my $name = ('漢' x 500) . '@example.com';
    my $admin = $long->create(userName => $name, roles => [{ value => 'ADMIN' }]);
    my $r = Scim::Test::http()->request(GET => "/organizations/$long->{key}/api/settings", [Authorization => 'Basic ' . MIME::Base64::encode(encode_utf8("$name:x"), '')]);
    is $r->{status}, 200, 'a person with a userName of 512 characters and 1,512 bytes can sign in' or diag $r->{content};
    is_error($long->post('/Users', { userName => '漢' . $name, displayName => 'x' }), 400, 'invalidValue', 'one more character is too many');
}
done_testing;
