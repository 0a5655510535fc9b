# SPDX-License-Identifier: Apache-2.0
# Small risks: text on a terminal, the relay's secret, the private database, the build.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use File::Temp ();
use Scim::Demo;
use Scim::Process;
use Scim::Test;
use Time::HiRes qw(time);

my $dir = File::Temp::tempdir(CLEANUP => 1);
my $org = organization(profile => 'open');
my $PROGRAM = Scim::Server::scimctl_program();

# Characters that control a terminal or change the order of text: C0, C1, direction.
my $EVIL = "\e[31m\x{9b}31m\x07\x{202e}\x{2066}\x{200f}\x{2028}";
my $HARM = qr/[\x00-\x08\x0b-\x1f\x7f-\x9f\x{61c}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}]/;
my $KIND = "Ünï 日本 \x{1f600}";

sub scimctl {
    my (@arguments) = @_;
    my $done = Scim::Process::run([server()->scimctl(map { Encode::encode_utf8($_) } @arguments)], limit => 60);
    return $done;
}
sub is_harmless {
    my ($done, $name) = @_;
    for my $from ('out', 'err') {
        my $text = eval { Encode::decode('UTF-8', my $copy = $done->{$from}, Encode::FB_CROAK) };
        ok defined $text, "$name: $from is UTF-8" or next;
        unlike $text, $HARM, "$name: $from steers no terminal" or diag explain $done->{$from};
    }
}

my $user = $org->create(roles => [{ value => 'Role' }], externalId => $KIND, title => $EVIL);
sql('UPDATE scim.account SET external_id = $2, attributes = jsonb_set(attributes, $3::text[], to_jsonb($4::text)) WHERE id = $1',
    $user->{id}, "$EVIL$KIND", '{roles,0,value}', "R$EVIL$KIND");
$org->post('/Users', { userName => "$EVIL\@example.com", displayName => 'x' });
$org->patch_ops($user->{id}, { op => 'replace', path => "title$EVIL", value => 'x' });
my $shown = scimctl('account', 'show', $org->{key}, $user->{userName});
is_harmless($shown, 'account show');
like Encode::decode_utf8($shown->{out}), qr/^role +R\?\[31m\?31m\?{5}\Q$KIND\E$/m, 'a role is shown with one mark for each, and its letters as they are';
my $list = scimctl('account', 'list', $org->{key});
is_harmless($list, 'account list');
like Encode::decode_utf8($list->{out}), qr/  R\?\[31m\?31m\?{5}\Q$KIND\E  yes/, 'with columns in their places';
my $activity = scimctl('activity', 'list', $org->{key});
is_harmless($activity, 'activity list');
like $activity->{out}, qr/refused 400 .*\?\[31m/, 'which has what was refused';
is_harmless(scimctl('events', $org->{key}), 'events');
is_harmless(scimctl('org', 'url', $org->{key}, '--base', "https://h/$EVIL"), 'org url');
is_harmless(scimctl('account', 'show', $org->{key}, "no$EVIL"), 'an error with an argument');
is_harmless(scimctl('account', 'show', "no$EVIL", 'x'), 'an unknown organization');
is_harmless(scimctl('account', 'list', $org->{key}, '--filter', "x$EVIL eq 1"), 'a bad filter');
is_harmless(scimctl("--x$EVIL"), 'an unknown option');
is_harmless(scimctl('account', 'import', $org->{key}, "$dir/$EVIL.csv"), 'a file that is not there');
my $csv = "$dir/$EVIL.csv";
Scim::Server::write_file(Encode::encode_utf8($csv), Encode::encode_utf8("userName,displayName\nx$EVIL\@y.z,x\n\"$EVIL"));
is_harmless(scimctl('account', 'import', $org->{key}, $csv), 'an import');
like scimctl('account', 'show', $org->{key}, "no\x{9b}31mone")->{err}, qr/^scimctl: There is no account 'no\?31mone'/, 'an error is told with marks, too';
is_harmless(Scim::Process::run([$PROGRAM, '--db', "host=$dir/\e[31m\xc2\x9b\x9b dbname=x", 'org', 'list']), 'a database that is not there');
is_harmless(Scim::Process::run([server()->scimctl('account', 'show', $org->{key}, "a\x9bb\xff\xc2")]), 'text that is not UTF-8');
my $json = scimctl('--json', 'account', 'show', $org->{key}, $user->{userName});
is_harmless($json, 'JSON');
is +(JSON::PP::decode_json($json->{out}))->{externalId}, "$EVIL$KIND", 'loses nothing by it';
is_harmless(scimctl('--json', 'events', $org->{key}), 'events as JSON');
is_harmless(scimctl('--json', 'activity', 'list', $org->{key}), 'activity as JSON');

# The time for a file of quoted fields is proportional to its length.
sub seconds_for {
    my ($lines) = @_;
    my $file = "$dir/$lines.csv";
    Scim::Server::write_file($file, "userName,displayName\n" . qq("a\.c","x ""y"" z","too many"\n) x $lines);
    my $start = time;
    my $done = Scim::Process::run([server()->scimctl('account', 'import', $org->{key}, $file)], limit => 100);
    like $done->{err}, qr/Nothing was imported: $lines bad line/, "$lines lines of quoted fields are read";
    return time - $start;
}
my ($few, $many) = map { seconds_for($_) } 20_000, 160_000;
cmp_ok $many, '<', 20 * $few + 1, 'eight times as many take no more than some eight times as long' or diag "$few s, $many s";

# Numbers that are too large for integers
for my $number ('7e87', '-7e87', '1e308', '9.3e18') {
    my $body = sub { my ($member) = @_; '{"userName":"' . user_name() . qq(","displayName":"x",$member}) };
    my $r = $org->post('/Users', $body->(qq("externalId":$number)));
    is $r->{status}, 201, "externalId $number" or diag $r->{content};
    cmp_ok $r->{json}{externalId}, '==', $number, 'is the same number as text';
    is $org->post('/Users', $body->(qq("active":$number)))->{status}, 400, "active $number is none";
    is $org->post('/Users', $body->(qq("emails":[{"value":"x","primary":$number}])))->{status}, 400, "nor is primary $number";
    is $org->post('/Users/.search', qq({"count":$number}))->{status}, 400, "nor is count $number" if $number ne '9.3e18';
    is $org->post('/Bulk', qq({"schemas":["${\BULK}"],"failOnErrors":$number,"Operations":[{"method":"DELETE","path":"/Users/x"}]}))->{status}, 400,
        "failOnErrors $number is none";
}

# The relay
my $secret = "$dir/secret";
Scim::Server::write_file($secret, "whsec_" . 'QUFB' x 10 . "\n");
chmod 0600, $secret;
sub relay_refuses {
    my ($message, $name, @arguments) = @_;
    my $done = Scim::Process::run([server()->scimctl('relay', 'nosuch', @arguments)], limit => 20);
    is $done->{status}, 1, "$name: refused";
    like $done->{err}, $message, "$name: with a sentence";
    return $done->{err};
}
sub relay_takes {
    my ($name, @arguments) = @_;
    relay_refuses(qr/no organization 'nosuch'/, "$name is taken; another thing", @arguments);
}
my @with = ('--secret-file', $secret, '--url');
for my $url ('https://user:pass-word@h.example/x', 'https://pass-word@h.example/', 'http://:pass-word@127.0.0.1/', 'https://%70ass:pass-word@h.example/') {
    unlike relay_refuses(qr/--url: a URL must not have a user name or password: the receiver knows the relay by its signature/, $url, @with, $url, '--name', 'n'),
        qr/pass-word/, 'which does not repeat it';
}
is_deeply [sql(q{SELECT name FROM scim.relay WHERE name LIKE '%pass%'})], [], 'and nothing of it is stored';
relay_refuses(qr/--url: the query of a URL may hold a secret, .*give a --name\.$/m, 'a URL with a query', @with, 'https://h.example/x?key=1');
relay_takes('a URL with a query and a name', @with, 'https://h.example/x?key=1', '--name', 'n');
relay_refuses(qr/--url: account data must not be sent without TLS: use https, or http to a loopback address/, $_, @with, $_)
    for 'http://h.example/x', 'http://10.0.0.1/', 'http://127.0.0.1.example.com/', 'http://localhost.example.com/', 'HTTP://h.example/', 'http://[::2]/', 'http://127.evil/';
relay_takes($_, @with, $_) for 'https://h.example/x', 'http://127.0.0.1:9/', 'http://localhost/', 'http://[::1]:9/x', 'http://127.8.9.1/';
for my $mode (0644, 0640, 0604, 0620, 0602, 0666) {
    chmod $mode, $secret;
    relay_refuses(qr/Other users than the owner can read or change the secret file '\Q$secret\E': change its mode to 600/, sprintf('a secret file of mode %o', $mode), @with, 'https://h.example/');
}
for my $mode (0600, 0400) {
    chmod $mode, $secret;
    relay_takes(sprintf('a secret file of mode %o', $mode), @with, 'https://h.example/');
}
SKIP: {
    skip 'needs root', 4 if $>;
    chown +(getpwnam 'www-data')[2], -1, $secret;
    chmod 0640, $secret;
    relay_takes("somebody else's, which a group may read,", @with, 'https://h.example/');
    chmod 0644, $secret;
    relay_refuses(qr/Other users than the owner/, "somebody else's, which all may read,", @with, 'https://h.example/');
}
SKIP: {
    my $unit = 'examples/systemd/scimctl-relay@.service';
    my $done = Scim::Process::run(['sh', '-c', "systemd-analyze security --offline=true --no-pager --threshold=20 $unit"]);
    skip 'no systemd-analyze that checks files', 1 if $done->{err} =~ /not found|unrecognized option|Unknown/;
    is $done->{status}, 0, "the relay's unit has an exposure of 2.0 at most" or diag substr $done->{out} . $done->{err}, -200;
}

# The private database lets in only its own user, the one that started it, and httpd.
sub as_user {
    my ($user, $role) = @_;
    my $done = Scim::Process::run(['setpriv', "--reuid=$user", '--regid=' . (getpwnam $user)[3], '--clear-groups',
        Scim::Server::pg('psql'), '-h', server()->{pghost}, '-U', $role, '-d', 'scim', '-qAtXc', 'SELECT current_user']);
    return $done->{status} ? $done->{err} : $done->{out} =~ s/\n//r;
}
SKIP: {
    skip 'needs root', 12 if $>;
    like as_user($_->[0], $_->[1]), qr/Peer authentication failed/, "$_->[0] is not let in as $_->[1]"
        for map({ ['nobody', $_] } qw(postgres scim nobody scim_owner)), map({ ['www-data', $_] } qw(postgres scim_owner scim_reader)), ['daemon', 'scim'];
    is as_user($_->[0], $_->[1]), $_->[1], "$_->[0] is, as $_->[1]"
        for ['www-data', 'scim'], ['root', 'postgres'], ['root', 'scim'], [Scim::Server::database_user(), 'postgres'];
}

# The demo's folder and what it writes
SKIP: {
    my $foreign = "$dir/foreign";
    mkdir $foreign;
    symlink $foreign, "$dir/link";
    ok !eval { Scim::Demo::own_folder("$dir/link"); 1 }, 'script/demo does not use a link that is there already';
    like $@, qr/link is not a folder of yours that only you can write/, 'and says so';
    Scim::Server::write_file("$dir/file", '');
    ok !eval { Scim::Demo::own_folder("$dir/file"); 1 }, 'nor a file';
    chmod 0777, $foreign;
    ok !eval { Scim::Demo::own_folder($foreign); 1 }, 'nor a folder that others can write';
    chmod 0755, $foreign;
    ok eval { Scim::Demo::own_folder($foreign); Scim::Demo::own_folder("$dir/new"); 1 }, 'but one of its own, old or new' or diag $@;
    skip 'needs root', 1 if $>;
    chown 33, 33, $foreign;
    ok !eval { Scim::Demo::own_folder($foreign); 1 }, "nor somebody else's";
}
Scim::Server::write_file("$dir/env", "old\n");
chmod 0644, "$dir/env";
mkdir "$dir/httpd";
Scim::Server::write_file("$dir/httpd/httpd.pid", "$$\n");
Scim::Demo::write_env(bless({ %{ server() }, dir => $dir }, 'Scim::Server'), 'url', 'token', 'password');
is sprintf('%o', (stat "$dir/env")[2] & 07777), '600', "the demo's env is its owner's alone, also in the place of an older one";

# The build
SKIP: {
    open my $makefile, '<', 'Makefile' or skip 'not built here', 1;
    my %flags = map { /^(SCIM_\w+) = (.*)/ ? ($1 => $2) : () } <$makefile>;
    skip 'built with sanitizers', 1 if $flags{SCIM_CFLAGS} =~ /-fsanitize/;
    like " $flags{SCIM_CFLAGS} ", qr/ \Q$_\E /, "built with $_" for qw(-fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=2);
    for my $file ('.libs/mod_scim.so', -e 'scimctl/.libs/scimctl' ? 'scimctl/.libs/scimctl' : 'scimctl/scimctl') {
        my $elf = Scim::Process::run(['readelf', '-dlsW', $file])->{out};
        like $elf, qr/BIND_NOW|Flags:.* NOW/, "$file: symbols are bound at the start";
        like $elf, qr/GNU_RELRO/, "$file: and their table is read-only then";
        like $elf, qr/__stack_chk_fail/, "$file: the stack is guarded";
        like $elf, qr/__(?:memcpy|v?f?printf|v?snprintf)_chk/, "$file: lengths are checked" if $file =~ /scimctl/;
    }
    my $note = Scim::Process::run(['readelf', '-nW', glob 'values/.libs/libscim_la-scim_text.o'])->{out};
    like $note, qr/IBT, SHSTK/, 'jumps are guarded' if Scim::Process::run(['uname', '-m'])->{out} =~ /x86_64/;
}
done_testing;
