# SPDX-License-Identifier: Apache-2.0
# scimctl, as an operator uses it.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use File::Temp;
use JSON::PP ();
use Scim::Process;
use Scim::Test;

my $server = server();
my ($program, @db) = $server->scimctl;

# (exit status, stdout, stderr)
sub scimctl_raw { return scimctl_given('', @_) }

# The same with text on standard input.
sub scimctl_given {
    my ($input, @arguments) = @_;
    my $done = Scim::Process::run([$program, map { encode_utf8($_) } @arguments], input => encode_utf8($input));
    return ($done->{status}, map { decode_utf8($_) } @$done{qw(out err)});
}
sub scimctl { return scimctl_raw(@db, @_) }
sub json { my ($status, $out, $err) = scimctl('--json', @_); return $status == 0 ? JSON::PP->new->decode($out) : die "$err" }
sub refused {
    my ($message, $name, @arguments) = @_;
    my ($status, $out, $err) = scimctl(@arguments);
    is $status, 1, "$name: exit status 1";
    like $err, $message, $name;
    is $out, '', "$name: nothing on standard output";
}

my $key = 'ctl-' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 8;

# Connections
my ($status, $out, $err) = scimctl_raw('--db', 'host=/nonexistent dbname=scim', 'org', 'list');
is $status, 1, 'no database: exit status 1';
like $err, qr/nonexistent/, 'no database: says where it looked';
{
    local @ENV{qw(PGHOST PGDATABASE PGUSER)} = ($server->{pghost}, 'scim', 'scim');
    is +(scimctl_raw('org', 'list'))[0], 0, 'the PG* variables name the database as for psql';
    local $ENV{PGDATABASE} = 'postgres';
    local $ENV{PGUSER} = 'postgres';
    like +(scimctl_raw('org', 'list'))[2], qr/scimctl db status/, 'a database without the schema: what to run';
}

# Organizations
($status, $out) = scimctl('org', 'add', $key, '--name', 'Zoë & Co', '--domain', 'Example.com', '--domain', 'example.org');
is $status, 0, 'org add';
like $out, qr/^KEY .*\n\Q$key\E +Zoë & Co +off /, 'org add prints a table';
refused(qr/exists already/, 'a second organization of that key', 'org', 'add', $key);
refused(qr/@ or blanks/, "the domain '$_'", 'org', 'add', "$key-2", '--domain', $_) for '\@example.com', 'a b';
refused(qr/lower-case letters/, "the key '$_'", 'org', 'add', $_) for 'Acme', 'a b', 'a-', 'a/b', 'x' x 64, '';
my ($row) = grep { $_->{key} eq $key } @{ json('org', 'list') };
is_deeply [@$row{qw(name provisioningEnabled accounts tokens)}], ['Zoë & Co', JSON::PP::false, 0, 0], 'org list --json';
is_deeply $row->{domains}, ['example.com', 'example.org'], 'the domains are kept in lower case';
is json('org', 'enable', $key)->{provisioningEnabled}, JSON::PP::true, 'org enable';
is json('org', $_->[0], $key)->{state}, $_->[1], "org $_->[0]" for ['pause', 'paused'], ['resume', 'enabled'], ['pause', 'paused'];
is json('org', 'show', $key)->{provisioningEnabled}, JSON::PP::true, 'what is paused is not disabled';
is json('org', 'disable', $key)->{provisioningEnabled}, JSON::PP::false, 'org disable';
is json('org', 'enable', $key)->{key}, $key, 'org enable again';
refused(qr/no organization 'nobody'.*org list/, 'an unknown organization', @$_)
    for ['org', 'show', 'nobody'], ['org', 'enable', 'nobody'], ['token', 'list', 'nobody'], ['account', 'list', 'nobody'];

# Import
sub import_file {
    my ($text, @more) = @_;
    my $file = File::Temp->new(SUFFIX => '.csv');
    binmode $file, ':raw';
    print $file encode_utf8($text);
    close $file;
    my ($status, $out, $err) = scimctl('account', 'import', $key, "$file", @more);
    $err =~ s/\Q$file\E/FILE/g;
    return ($status, $out, $err);
}
my $good = "userName,displayName,role,active,managed,syncEligible,externalId,preferredLanguage,timezone\r\n"
    . "admin\@example.com,Administrator,ADMIN,,,,a1,ja,Asia/Tokyo\r\n"
    . "old\@example.com,\"Old, \"\"Hand\"\"\",USER,false,true,false,\"of two\nlines\",,\r\n"
    . "own\@example.org,Zoë,,,false,,,,\n";
($status, $out) = import_file($good, '--dry-run');
is_deeply [$status, $out], [0, "3 account(s) could be imported: 1 ADMIN, 1 USER, 1 GUEST\n"], 'import --dry-run checks';
is json('org', 'show', $key)->{accounts}, 0, 'and imports nothing';
($status, $out) = import_file("\x{feff}$good");
is_deeply [$status, $out], [0, "3 account(s) imported: 1 ADMIN, 1 USER, 1 GUEST\n"], 'import, with the byte order mark that spreadsheets write';
is_deeply [sql('SELECT user_name, display_name, role, active, managed, sync_eligible, provisioned_at IS NULL
    FROM scim.account a JOIN scim.organization o ON o.id = organization_id WHERE o.key = $1 AND user_name NOT LIKE \'old%\'
    ORDER BY user_name', $key)],
    [['admin@example.com', 'Administrator', 'ADMIN', 't', 't', 't', 't'], ['own@example.org', 'Zoë', 'GUEST', 't', 'f', 't', 't']],
    'the accounts are as the file says, and not provisioned';
is_deeply [@{ json('account', 'show', $key, 'OLD@example.com') }{qw(displayName externalId)}], ['Old, "Hand"', "of two\nlines"], 'quoted fields';

for my $case (['unknown column', "userName,shoeSize\nx\@example.com,43\n", qr/^FILE:1: unknown column 'shoeSize'/],
              ['a taken userName', "userName,displayName\nnew\@example.com,N\nADMIN\@example.com,A\n", qr/^FILE:3: .*userName/],
              ['the same name twice', "userName,displayName\nnew\@example.com,N\nNEW\@example.com,A\n", qr/^FILE:3: .*userName/],
              ['a domain that is not verified', "userName,displayName\nn\@elsewhere.example,N\n", qr/^FILE:2: .*verified/],
              ['no displayName', "userName\nn\@example.com\n", qr/^FILE:2: .*displayName/],
              ['an unknown role', "userName,displayName,role\nn\@example.com,N,BOSS\n", qr/^FILE:2: role must be/],
              ['active that is neither', "userName,displayName,active\nn\@example.com,N,maybe\n", qr/^FILE:2: active/],
              ['too few fields', "userName,displayName\nn\@example.com\n", qr/^FILE:2: the number of fields/],
              ['a quote without an end', "userName,displayName\n\"n\@example.com,N\n", qr/^FILE:2: /],
              ['several at once', "userName,displayName\nbad,N\nn\@example.com,N\nworse,N\n", qr/^FILE:2: .*\nFILE:4: /],
              ['a column twice', "userName,displayName,USERNAME\nn\@example.com,N,m\@example.com\n", qr/^FILE:1: duplicate column/],
              ['not UTF-8', undef, qr/^FILE:2: .*UTF-8/],
              ['a line that is too long', "userName,displayName\n\nn\@example.com," . 'N' x 70_000 . "\n", qr/^FILE:3: .*longer than 65,536 bytes/],
              ['heads that are too long', 'userName,' . 'N' x 70_000 . "\n", qr/^FILE:1: .*longer than/],
              ['a quote without an end in a long file', "userName,displayName\n" . join('', map { $_ == 3 ? "\"n\@example.com,N\n" : "n$_\@example.com,N\n" } 1 .. 5000),
               qr/^FILE:4: .*quotation mark missing/],
              ['a zero byte', "userName,displayName\nn\@example.com,a\0b\n", qr/^FILE:2: .*UTF-8/],
              ['text behind a quote, and more', "userName,displayName\n\"n\@example.com\"x,N\nbad,N\n", qr/^FILE:2: text after a closing quote\nFILE:3: /],
              ['65 fields', join(',', 'userName', ('x') x 64) . "\n", qr/^FILE:1: too many fields/],
              ['several lines that are not UTF-8', undef, qr/^FILE:2: .*UTF-8.*\nFILE:3: .*UTF-8/],
              ['an empty file', '', qr/^FILE:1: /]) {
    my ($name, $text, $message) = @$case;
    if (!defined $text) {
        my $file = File::Temp->new;
        print $file "userName,displayName\nn\@example.com,\xff\n\xc3,N\n";
        close $file;
        ($status, $out, $err) = scimctl('account', 'import', $key, "$file");
        $err =~ s/\Q$file\E/FILE/g;
    }
    else {
        ($status, $out, $err) = import_file($text);
    }
    is $status, 1, "import of $name fails";
    like $err, $message, "import of $name: with the line";
    is json('org', 'show', $key)->{accounts}, 3, "import of $name: nothing of the file is imported";
}
refused(qr/No such file/, 'a file that is not there', 'account', 'import', $key, '/nonexistent.csv');
refused(qr/directory/, 'a folder', 'account', 'import', $key, '/tmp');

# Import from standard input
for my $words (['account', 'import', $key, '-', '--dry-run'], ['account', 'import', '--dry-run', $key, '-'], ['--dry-run', 'account', 'import', $key, '--', '-'],
               ['account', '--dry-run', 'import', $key, '-', '--json']) {
    ($status, $out, $err) = scimctl_given("userName,displayName\nn\@example.com,N\n", @db, @$words);
    is_deeply [$status, $err], [0, ''], "import from standard input: @{[map { $_ eq $key ? 'KEY' : $_ } @$words]}";
    is $out, $words->[-1] eq '--json' ? qq({"created":1,"changed":0,"unchanged":0,"dryRun":true}\n) : "1 account(s) could be imported: 0 ADMIN, 0 USER, 1 GUEST\n", 'as from a file';
}
($status, $out, $err) = scimctl_given("userName,displayName\nn,N\n", @db, 'account', 'import', $key, '-');
is $status, 1, 'a bad line on standard input';
like $err, qr/^-:2: /, 'is named too';
is +(scimctl('--count', '-', 'account', 'list', $key))[2], "scimctl: '-' is not a number of 1 or more.\n", 'a hyphen as the value of an option';
($status, $out) = import_file("userName,displayName,externalId\rn\@example.com,N,\rm\@example.com,M,\"M\rN\"", '--dry-run');
is $out, "2 account(s) could be imported: 0 ADMIN, 0 USER, 2 GUEST\n", 'lines that end as on an old Macintosh, and a last one without an end';

# Import of many accounts: in constant memory, with progress
sub import_many {
    my ($count, $quote) = @_;
    my $file = File::Temp->new(SUFFIX => '.csv');
    print $file "userName,displayName,role\n", map { "n$_\@example.com,${quote}Number $_$quote," . ('ADMIN', 'USER', '')[$_ % 3] . "\n" } 1 .. $count;
    close $file;
    my $import = Scim::Process->start([$program, @db, 'account', 'import', $key, "$file", '--dry-run'], out => 'pipe');
    # The last value, not the largest: the first ones may be of this program's copy,
    # before it has become scimctl.
    my $peak = 0;
    Scim::Process::until_true(120, sub {
        if (open my $in, '<', "/proc/$import->{pid}/status") { /^VmHWM:\s+(\d+)/ and $peak = $1 while <$in> }
        return $import->ended;
    });
    return ($peak, $import->line . "\n");
}
my ($few, $few_out) = import_many(2000, '"');
my ($many, $many_out) = import_many(20_000, '"');
is $few_out, "2000 account(s) could be imported: 666 ADMIN, 667 USER, 667 GUEST\n", 'an import of 2,000 accounts';
is $many_out, "20000 account(s) could be imported: 6666 ADMIN, 6667 USER, 6667 GUEST\n", 'and of 20,000';
cmp_ok $few, '>', 1000, 'its memory was measured';
cmp_ok $many, '<', 1.3 * $few, "takes as much memory: $few kB and $many kB";
my $plain = File::Temp->new(SUFFIX => '.csv');
print $plain "userName,displayName\n", map { "t$_\@example.com,T\n" } 1 .. 250;
print $plain "bad,T\n";
close $plain;
my $seen = Scim::Process::run(['script', '-qec', "$program --db '$db[1]' account import $key $plain", '/dev/null'])->{out};
like $seen, qr/\r100 records read\r200 records read/, 'on a terminal the import shows its progress';
like $seen, qr/\r +\r\S+:252: userName/, 'which a report does not stand behind';

# Tokens
($status, my $token, $err) = scimctl('token', 'generate', $key, '--issuer', 'admin@example.com', '--name', 'Entra ID');
chomp $token;
is $status, 0, 'token generate';
like $token, qr/^scim_[0-9a-f]{64}$/, 'a token of 256 bits behind its prefix, alone on standard output';
like $err, qr/not be shown again/, 'with the remark that it is shown once';
my $get = Scim::Http->new($server->{url})->request(GET => "/scim/$key/v2/Users", [Authorization => "Bearer $token"]);
is $get->{status}, 200, 'the token opens the organization';
my ($listed) = @{ json('token', 'list', $key) };
is_deeply [@$listed{qw(name issuer state daysLeft)}], ['Entra ID', 'admin@example.com', 'valid', 364], 'token list; without an option, it ends in a year';
is index($token, $listed->{prefix}), 0, 'the prefix is that of the token';
cmp_ok length $listed->{prefix}, '<', 16, 'and short';
is_deeply [sql('SELECT count(*) FROM scim.token t WHERE t::text LIKE $1', "%$token%")], [[0]], 'the token itself is not stored';
like json('token', 'generate', $key, '--issuer', 'admin@example.com', '--name', 'T2', '--days', '30')->{token}, qr/^scim_/, 'with --json and --days';
refused(qr/active account with the role ADMIN/, 'an issuer who is no ADMIN', 'token', 'generate', $key, '--issuer', 'own@example.org', '--name', 'x');
refused(qr/no account/, 'an unknown issuer', 'token', 'generate', $key, '--issuer', 'x@example.com', '--name', 'x');
refused(qr/--days must be/, "--days $_", 'token', 'generate', $key, '--issuer', 'admin@example.com', '--name', 'x', '--days', $_)
    for '0', 'x', '-1', '99999999999';
refused(qr/--expires: 'tomorrow' is not a day such as 2027-01-31 or a date and time such as 2027-01-31T12:00:00Z/, '--expires of no date', 'token', 'generate', $key, '--issuer', 'admin@example.com', '--name', 'x', '--expires', 'tomorrow');
refused(qr/must expire in the future|is not a day/, "--expires $_", 'token', 'generate', $key, '--issuer', 'admin@example.com', '--name', 'x', '--expires', $_)
    for '2020-01-01', '-infinity', 'infinity', '2020-01-01T00:00:00Z', '';
json('token', 'generate', $key, '--issuer', 'admin@example.com', '--name', 'day', '--expires', '2999-12-31');
is +(grep { $_->{name} eq 'day' } @{ json('token', 'list', $key) })[0]{expires}, '2999-12-31T23:59:59.000Z', 'a day lasts until its end';
refused(qr/no token with this id/, 'an unknown token', 'token', 'delete', $key, $_) for '00000000-0000-4000-8000-000000000000', 'x';
is +(scimctl('token', 'delete', $key, $listed->{id}))[1], "Deleted: Entra ID\n", 'token delete';
is +(Scim::Http->new($server->{url})->request(GET => "/scim/$key/v2/Users", [Authorization => "Bearer $token"]))->{status}, 401,
    'the deleted token is refused at once';

# Tokens by name and prefix
my $generate = sub { return json('token', 'generate', $key, '--issuer', 'admin@example.com', '--name', $_[0]) };
my @others = map { $_->{id} } @{ json('token', 'list', $key) };
my @twin = map { $generate->('twin') } 1, 2;
($status, $out, $err) = scimctl('token', 'delete', $key, 'twin');
is $status, 1, 'a name of two tokens is refused';
like $err, qr/2 tokens are called 'twin'.*\b\Q$_->{id}\E\b/, 'with the id of each' for @twin;
is +(scimctl('token', 'delete', $key, substr $twin[0]{token}, 0, 11))[1], "Deleted: twin\n", 'token delete by prefix';
is +(scimctl('token', 'delete', $key, 'twin'))[1], "Deleted: twin\n", 'and by name, now that it is the only one';
refused(qr/no token with this id, name or prefix/, 'the beginning of a prefix', 'token', 'delete', $key, 'scim_');
is_deeply [map { $_->{id} } @{ json('token', 'list', $key) }], \@others, 'the others are still there';

# Accounts
is_deeply [map { $_->{userName} } @{ json('account', 'list', $key, '--filter', 'roles.value eq "admin"') }], ['admin@example.com'],
    'account list --filter';
is scalar @{ json('account', 'list', $key, '--count', '1', '--start', '2') }, 1, 'account list --start --count';
refused(qr/filter.*double quotes/, 'a filter with a value that is not quoted', 'account', 'list', $key, '--filter', 'userName eq foo');
refused(qr/filter/i, 'a bad filter', 'account', 'list', $key, '--filter', 'userName xx "a"');
refused(qr/not a number/, "--count $_", 'account', 'list', $key, '--count', $_) for '0', 'x', '-1';
($status, $out) = scimctl('account', 'show', $key, 'own@example.org');
like $out, qr/^displayName +Zoë$/m, 'account show';
like $out, qr/^managed +no$/m, 'says that it is unmanaged';
refused(qr/no account/, 'an unknown account', 'account', 'show', $key, 'x@example.com');
# Only old accounts can have such a name.
sql_unchecked(q{UPDATE scim.account SET display_name = E'\x1b[2Jred\x07' WHERE user_name = 'own@example.org'});
unlike +(scimctl('account', 'list', $key))[1], qr/[\x1b\x07]/, 'control characters do not reach the terminal';

# Actions of an administrator on the settings page
is +(scimctl('org', 'url', $key, '--base', 'https://host/scim'))[1], "https://host/scim/$key/v2\n", 'org url';
is +(scimctl('org', 'url', $key, '--base', 'https://host/scim//'))[1], "https://host/scim/$key/v2\n", 'org url: slashes at the end do not count';
refused(qr/--base must be the public URL/, "org url --base $_", 'org', 'url', $key, '--base', $_) for 'host/scim', 'ftp://host/';
is json('org', 'url', $key, '--base', 'https://host/scim')->{url}, "https://host/scim/$key/v2", 'org url --json';
sql(q{INSERT INTO scim.account (organization_id, user_name, display_name, sync_eligible)
      SELECT id, 'waiting@example.com', 'Waiting', false FROM scim.organization WHERE key = $1}, $key);
like +(scimctl('account', 'show', $key, 'waiting@example.com'))[1], qr/^eligible +no$/m, 'an account that provisioning may not take over';
like +(scimctl('account', 'eligible', $key, 'waiting@example.com'))[1], qr/^eligible +yes$/m, 'account eligible';
refused(qr/not a Managed Account/, 'an unmanaged account', 'account', 'eligible', $key, 'own@example.org');
refused(qr/no account/, 'an unknown one', 'account', 'eligible', $key, 'x@example.com');
is json('activity', 'list', $key)->[0]{kind}, 'urn:mod_scim:event:account:eligible', 'which is an event';

# --follow
my @follow = $server->scimctl('--json', 'activity', 'list', $key, '--follow', '--count', 5);
my $follower = Scim::Process->start(\@follow, out => 'pipe');
my @first = map { JSON::PP::decode_json($follower->line)->{sequence} } 1 .. 5;
is_deeply \@first, [sort { $a <=> $b } @first], 'activity --follow begins with the latest entries, the oldest first';
scimctl('org', 'disable', $key);
is JSON::PP::decode_json($follower->line)->{kind}, 'urn:mod_scim:event:provisioning:disable', 'and goes on with what happens';
$follower->stop;

done_testing;
