# SPDX-License-Identifier: Apache-2.0
# scimctl org export and import: an organization moves into another database, where
# SCIM, tokens, gate and change feed go on as before; and back.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use File::Path qw(make_path);
use File::Temp ();
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

# The Location has the same URL in the answers of both servers.
my $CONF = <<'CONF';
<Location /fixed>
    SetHandler scim
    SCIMBaseURL https://scim.example.com/scim/
    Require all granted
</Location>
<LocationMatch ^/gate/(?<KEY>[^/]+)/>
    SCIMOrganization "moved"
    SCIMGateCache 0
    AuthType Basic
    AuthName gate
    AuthBasicProvider anon
    Anonymous *
    Anonymous_MustGiveEmail Off
    Require scim-group Staff
</LocationMatch>
CONF
my $here = own_server(conf => $CONF);      # it counts sequences
my $there = other_server();

sub other_server {
    my $made = Scim::Server->new(dir => File::Temp::tempdir('scim-there-XXXXXX', TMPDIR => 1, CLEANUP => 1), conf => $CONF,
                                 initdb => ['--locale-provider=icu', '--icu-locale=en-US']);
    return $made->start;
}
END { my $status = $?; $there->stop if $there; $? = $status }

sub at {
    my ($server, $input, @arguments) = @_;
    my $done = Scim::Process::run([$server->scimctl(map { encode_utf8($_) } @arguments)], input => $input);
    return ($done->{status}, $done->{out}, decode_utf8($done->{err}));
}
sub scimctl { return at($here, '', @_) }
sub sql_at {
    my ($server, $statement) = @_;
    my $done = Scim::Process::run([$server->psql('-qAtX', '-F', "\t", '-v', 'ON_ERROR_STOP=1', '-c', $statement)]);
    die $done->{err} if $done->{status};
    return map { [split /\t/, decode_utf8($_), -1] } split /\n/, $done->{out};
}
sub refused {
    my ($message, $name, @answer) = @_;
    is $answer[0], 1, "$name: exit status 1";
    return like $answer[2], $message, $name;
}
sub kinds { my ($org) = @_; return map { $_->[0] =~ s/.*:event://r } sql('SELECT kind FROM scim.event WHERE organization_id = $1 ORDER BY sequence', $org->{id}) }
my ($status, $out, $err);

# An organization with all that there is
my $moved = organization(domains => ['example.com', 'example.org'], key => 'moved');
my %user = map { $_ => $moved->create(userName => "$_\@example.org", displayName => "\u$_ 山田", externalId => "x-$_", title => "a\\b \"c\" \t\x{1f600}",
                                      emails => [{ value => "$_\@home.example", type => 'home', primary => TRUE }]) } qw(ann bob eve);
$moved->patch_ops($user{bob}{id}, { op => 'replace', path => 'active', value => FALSE });
my $group = sub { my ($name, @ids) = @_; return $moved->post('/Groups', { schemas => ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName => $name,
                                                                          members => [map { { value => $_ } } @ids] })->{json}{id} };
my $staff = $group->('Staff', map { $user{$_}{id} } qw(ann bob));
my $all = $group->('All', $staff, $user{eve}{id});
$moved->patch_ops($user{eve}{id}, { op => 'replace', path => 'title', value => "t$_" }) for 1 .. 3;
$moved->delete("/Users/$user{eve}{id}");
is_error($moved->post('/Users', { schemas => [CORE], userName => 'x@elsewhere.example', displayName => 'X' }), 400, 'invalidValue', 'a refusal');
# The issuer of a token that has expired need not be an administrator any more.
sql(q{WITH a AS (INSERT INTO scim.account (organization_id, user_name, role) VALUES ($1, 'late@example.org', 'ADMIN') RETURNING id)
      INSERT INTO scim.token (organization_id, issuer, name, prefix, hash, expires_at)
      SELECT $1, id, 'late', 'scim_late', sha256('late'), now() + interval '1 second' FROM a}, $moved->{id});
sql(q{SELECT pg_sleep(1.1); UPDATE scim.account SET role = 'GUEST' WHERE organization_id = $1 AND user_name = 'late@example.org'}, $moved->{id});
sql(q{UPDATE scim.organization SET provisioned_read_only = true WHERE id = $1}, $moved->{id});
my $reader = (map { JSON::PP::decode_json($_)->{position} } split /\n/, (scimctl('--json', 'events', 'moved'))[1])[3];

# What clients see: status, headers and bodies, byte by byte
sub seen {
    my ($server) = @_;
    local $moved->{http} = Scim::Http->new($server->{url});
    my @paths = ('/Users?count=50', '/Groups?count=50&attributes=displayName', '/Users?filter=' . uri('title co "a"'), (map { "/Users/$user{$_}{id}" } qw(ann bob eve)),
                 "/Groups/$staff", "/Groups/$all", '/Roles');
    return map { my $r = $moved->get($_, profile => 'fixed'); "$_ $r->{status} " . ($r->{headers}{etag} // '-') . " $r->{content}" } @paths;
}
sub at_gate {
    my ($server, $user) = @_;
    make_path("$server->{dir}/httpd/htdocs/gate/x");
    Scim::Server::write_file("$server->{dir}/httpd/htdocs/gate/x/x.txt", "x\n");
    return Scim::Http->new($server->{url})->request(GET => '/gate/x/x.txt', [Authorization => 'Basic ' . MIME::Base64::encode("$user:x", '')], undef)->{status};
}
my @before = seen($here);
like $before[3], qr/ 200 W\/"1" /, 'a User is seen with its version';

my @tables = map { $_->[0] } sql(q{SELECT DISTINCT a.attrelid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'scim'::regnamespace AND c.relkind = 'r' AND a.attname = 'organization_id'
      AND c.relname NOT IN ('relay', 'guard_count', 'guard_trip', 'request', 'request_hour') ORDER BY 1});
sub content { open my $in, '<', $_[0] or die "$_[0]: $!"; local $/; return <$in> }
is_deeply [sort map { "scim.$_" } content('scimctl/scimctl_transfer.c') =~ /^    \{ "(\w+)", SCIM_SQL_EXPORT_/mg], \@tables, 'the rows of every table are exported';

# Export
($status, my $file, $err) = scimctl('org', 'export', 'moved');
is "$status$err", '0', 'org export';
my @lines = split /^/, $file;
is_deeply [grep { !eval { JSON::PP::decode_json($_) } } @lines], [], 'each line is a JSON object';
my $head = JSON::PP::decode_json($lines[0]);
is_deeply [@$head{qw(format formatVersion schemaVersion)}], ['mod_scim organization', 1, (sql('SELECT max(version)::int FROM scim.schema_version'))[0][0] + 0], 'the first one names the format and the version of the tables';
like $lines[-1], qr/^\{"end": \{"lines": $#lines, "sha256": "[0-9a-f]{64}"\}\}$/, 'the last one has their number and checksum';
is_deeply [map { /"display_name": "(\w+)"/ } grep { /^\{"refusal": / } @lines], ['X'], 'a refusal has the name that was sent';
is_deeply [do { my %seen; grep { !$seen{$_}++ } map { /^\{"(\w+)": \{/ } @lines }], [qw(organization account user_group membership subgroup token event refusal account_seen end)],
    'between them is each row of each table';
unlike $file, qr/\Q$moved->{token}\E/, 'no token is in the file';
refused(qr/no organization/, 'org export of an unknown organization', scimctl('org', 'export', 'nobody'));
my $shown = Scim::Process::run(['script', '-qec', join(' ', map { "'$_'" } $here->scimctl('org', 'export', 'moved')), '/dev/null'])->{out};
like $shown, qr/export is for a file/, 'a terminal gets none of it';
unlike $shown, qr/"account"/, 'no row';

# Import
refused(qr/in the database already/, 'into the same database', at($here, $file, 'org', 'import'));
refused(qr/in the database already/, 'under another key, too', at($here, $file, 'org', 'import', '--key', 'copy'));
sql_at($there, q{INSERT INTO scim.organization (key, name) VALUES ('moved', 'Somebody else'), ('busy', 'Somebody else')});
at($there, '', 'org', 'enable', 'busy');
my $reader_there = JSON::PP::decode_json((at($there, '', '--json', 'events'))[1])->{position};
refused(qr/Another organization has this key/, 'a key that is taken there', at($there, $file, 'org', 'import'));
refused(qr/lower-case letters/, 'a key that cannot be', at($there, $file, 'org', 'import', '--key', 'A b'));
($status, $out, $err) = at($there, $file, 'org', 'import', '--key', 'new');
is "$status$err", '0', 'another key there is no hindrance';
like $out, qr/^new +moved +on +enabled +4 +1 /m, 'the organization is shown';
sql_at($there, q{DELETE FROM scim.organization WHERE key = 'moved'});
is +(at($there, '', 'org', 'rename', 'new', '--key', 'moved'))[0], 0, 'and can be changed';

# As before
is_deeply [seen($there)], \@before, 'SCIM answers there as here, byte by byte';
is at_gate($there, 'ann@example.org'), 200, 'the gate lets in there whom it lets in here';
is at_gate($there, $_), at_gate($here, $_), "and keeps out $_" for 'bob@example.org', 'nobody@example.org';
my $again = (at($there, '', 'org', 'export', 'moved'))[1];
sub rows_of { my ($text) = @_; return [grep { /^\{"(?!format|end|event)/ } split /^/, $text] }
sub events_of { my ($text) = @_; return [map { my $e = JSON::PP::decode_json($_)->{event}; join ' ', @$e{qw(sequence kind occurred_at history)}, JSON::PP->new->canonical->encode($e->{data}) } grep { /^\{"event"/ } split /^/, $text] }
is_deeply rows_of($again), rows_of($file), 'an export of the import has the same rows';
my ($first, $second) = (events_of($file), events_of($again));
is_deeply [@$second[0 .. $#$first]], $first, 'and the same events';
is_deeply [map { (split ' ')[1] } @$second[@$first .. $#$second]], ['urn:mod_scim:event:organization:import', 'urn:mod_scim:event:organization:change'], 'and those of what has happened there';

# The feed goes on
($status, $out, $err) = at($there, '', '--json', 'events', 'moved', '--after', $reader);
my @read = map { JSON::PP::decode_json($_) } split /\n/, $out;
my @known = map { JSON::PP::decode_json($_) } split /\n/, (scimctl('--json', 'events', 'moved'))[1];
is_deeply [map { $_->{id} } @read[0 .. $#known - 4]], [map { $_->{id} } @known[4 .. $#known]], 'a reader goes on there where it was here, with the same ids of events';
is_deeply [map { $_->{kind} =~ s/.*:event://r } @read[$#known - 3 .. $#read]], ['organization:import', 'organization:change'], 'and then gets the new ones';
($out) = (at($there, '', '--json', 'events', 'moved', '--after', $known[3]{sequence}))[1];
is JSON::PP::decode_json((split /\n/, $out)[0])->{id}, $known[4]{id}, 'also by the sequence';
my @all = map { JSON::PP::decode_json($_)->{kind} } split /\n/, (at($there, '', '--json', 'events', '--after', $reader_there))[1];
is_deeply [map { s/.*:event://r } @all], ['organization:import', 'organization:change'], 'a reader of all organizations gets the import and not the past';
{
    local $moved->{http} = Scim::Http->new($there->{url});
    is $moved->post('/Users', { schemas => [CORE], userName => 'new@example.com', displayName => 'New' }, profile => 'fixed')->{status}, 201, 'provisioning goes on there';
}
cmp_ok +(sql_at($there, 'SELECT max(sequence) FROM scim.event'))[0][0], '>', $known[-1]{sequence}, 'with higher sequences';
is +(sql_at($there, q{SELECT count(*) FROM scim.event e JOIN scim.event f USING (organization_id, sequence)}))[0][0],
    (sql_at($there, 'SELECT count(*) FROM scim.event'))[0][0], 'no sequence is used twice';

# Files that were changed
sub resealed {
    my (@changed) = @_;
    my $body = join '', @changed[0 .. $#changed - 1];
    return $body . sprintf qq({"end": {"lines": %d, "sha256": "%s"}}\n), $#changed, Digest::SHA::sha256_hex($body);
}
sub with { my ($from, $to, $text) = (@_, $file); $text =~ s/$from/$to/ or die "$from"; return resealed(split /^/, $text) }
my $nobody = 'b0000000-0000-4000-8000-000000000000';
is +(at($there, '', 'org', 'delete', 'moved', '--yes'))[0], 0, 'the organization there is deleted';
sql_at($there, 'DELETE FROM scim.organization; DELETE FROM scim.event');
my @bad = (
    ['an empty file', '', qr/line 1 is not the beginning/],
    ['another file', "userName,displayName\n", qr/line 1 is not the beginning/],
    ['another format', with(qr/"formatVersion":1/, '"formatVersion":2'), qr/line 1 names a format/],
    ['a first line that is too long', with(qr/"release":"/, '"release":"' . 'x' x 5000), qr/line 1 is not the beginning/],
    ['a version beyond all numbers', with(qr/"formatVersion":1/, '"formatVersion":1e300'), qr/line 1 names a format/],
    ['other tables', with(qr/"schemaVersion":\d+/, '"schemaVersion":5'), qr/line 1 names version 5 of the tables, and this database has \d+/],
    ['no organization', resealed(@lines[0, 2 .. $#lines]), qr/line 2 is not the organization/],
    ['a key that cannot be', with(qr/"key": "moved"/, '"key": "Mo ved"'), qr/lines? 2 .*was refused/],
    ['an organization without a time', with(qr/"created_at": "[^"]*"/, '"made_at": 1'), qr/line 2 has no created_at/],
    ['a row of an unknown table', with(qr/\{"refusal": /, '{"relay": '), qr/is not a row of one of the tables/],
    ['rows in another order', resealed(@lines[0, 1], (grep { /^\{"token"/ } @lines), (grep { /^\{"(?!org|tok|form)/ } @lines)), qr/in their order|refused/],
    ['a row twice', resealed(map { /"user_name": "ann/ ? ($_, $_) : $_ } @lines), qr/a row occurs twice/],
    ['two accounts of a name', resealed(map { /"user_name": "ann/ ? ($_, s/("id": ")(.)/$1 . ($2 eq 'e' ? 'd' : 'e')/er) : $_ } @lines), qr/account_user_name_unique/],
    ['a membership of nobody', with(qr/"account_id": "[^"]*"\}\}/, "\"account_id\": \"$nobody\"}}"), qr/1 id\(s\) are of no account/],
    ['a token of a GUEST', with(qr/"expires_at": "[^"]*"/, '"expires_at": null'), qr/cannot issue a SCIM token/],
    ['an unreadable name', with(qr/"user_name": "ann/, '"user_name": "a\u202enn'), qr/user_name must not contain/],
    ['a number beyond 2^53 in attributes', with(qr/"attributes": \{/, '"attributes": {"n": 90071992547409931, '), qr/attributes must not/],
    ['an endless time', with(qr/"updated_at": "[^"]*"/, '"updated_at": "infinity"'), qr/a time is not between/],
    ['an endless time of an event', with(qr/"occurred_at": "[^"]*"/, '"occurred_at": "infinity"'), qr/a time is not between/],
    ['a version that cannot be counted on', with(qr/"version": 1,(?=[^\n]*"user_name": "ann)/, '"version": 9223372036854775807,'), qr/version or sequence not between/],
    ['a sequence that would use up all', with(qr/"sequence": \d+/, '"sequence": 9223372036854775807'), qr/version or sequence not between/],
    ['a history that is negative', with(qr/"history": \d+/, '"history": -1'), qr/cannot be shown/],
    ['an event with members that are none', with(qr/"added": \["/, '"added": ["x'), qr/cannot be shown/],
    ['an event with data that is no object', with(qr/"data": \{/, '"data": [1], "x": {'), qr/cannot be shown/],
    ['an event of deep data', with(qr/"data": \{/, '"data": {"x": ' . '[' x 40 . ']' x 40 . ', '), qr/cannot be shown/],
    ['JSON that is none', with(qr/\{"account": \{"id"/, '{"account": {"id"'. ','), qr/invalid input syntax/],
    ['JSON of a million levels', with(qr/"attributes": \{/, '"attributes": {"x": ' . '[' x 1_000_000 . ', '), qr/was refused/],
    ['two rows on a line', with(qr/\}\}\n(?=\{"account)/, '}},'), qr/was refused|SHA/],
    ['a zero byte', with(qr/"ann/, "\"a\0nn"), qr/has a zero byte/],
    ['bytes that are not UTF-8', with(qr/"user_name": "ann/, "\"user_name\": \"\xffann"), qr/invalid byte sequence/],
    ['a line without an end', resealed($lines[0], '{"organization": {"name": "' . 'x' x (17 * 1024 * 1024), $lines[-1]), qr/line 2 is longer than 16 MB/],
    ['a changed letter', $file =~ s/x-ann/x-amm/r, qr/another number of lines or another SHA-256/],
    ['a row less', join('', grep { !/"user_name": "late/ } @lines), qr/another number of lines|was refused/],
    ['more behind the end', "$file$lines[3]", qr/behind the end/],
    (map { ["cut after $_ of " . @lines . ' lines', join('', @lines[0 .. $_ - 1]), qr/line @{[$_ + 1]} .*(?:missing|not the organization)/] } 1, 2, 5, $#lines),
    (map { my $at = int rand length $file; ["cut at byte $at", substr($file, 0, $at), qr/Nothing was imported/] } 1 .. 5));
for my $case (@bad) {
    my ($name, $text, $message) = @$case;
    refused($message, $name, at($there, $text, 'org', 'import'));
}
is_deeply [map { (sql_at($there, "SELECT count(*) FROM scim.$_"))[0][0] } qw(organization account user_group membership token event refusal)], [(0) x 7],
    'nothing of all these was imported';

# A file that is sealed alone may still be strange: nothing there
# may fail because of it.
is +(at($there, with(qr/"kind": "[^"]*"/, '"kind": "\u001b[2J x"'), 'org', 'import'))[0], 0, 'strange but harmless values';
is +(at($there, '', $_ eq 'json' ? '--json' : (), 'events', 'moved'))[0], 0, "are read by events ($_)" for 'json', 'text';
unlike +(at($there, '', 'events', 'moved'))[1], qr/\x1b/, 'and do not reach the terminal';
is +(at($there, '', 'activity', 'list', 'moved'))[0], 0, 'by the activity, too';

is +(at($there, '', 'org', 'delete', 'moved', '--yes'))[0], 0, 'it is deleted there';

my $last_read = (map { JSON::PP::decode_json($_)->{position} } split /\n/, (scimctl('--json', 'events', 'moved'))[1])[-1];
is +(scimctl('org', 'delete', 'moved', '--yes'))[0], 0, 'and here';

# The way there and back
is +(at($there, $file, 'org', 'import'))[0], 0, 'an organization moves there';
at($there, '', 'org', 'disable', 'moved');
is +(at($here, (at($there, '', 'org', 'export', 'moved'))[1], 'org', 'import'))[0], 0, 'and comes back after its deletion here';
scimctl('org', 'enable', 'moved');
is_deeply [seen($here)], \@before, 'and answers as before';
my @news = map { JSON::PP::decode_json($_)->{kind} =~ s/.*:event://r } split /\n/, (scimctl('--json', 'events', 'moved', '--after', $last_read))[1];
is_deeply \@news, ['organization:import', 'provisioning:disable', 'organization:import', 'provisioning:enable'], 'a reader from before gets what has happened there, and nothing twice';
is_deeply [(kinds($moved))[-2]], ['organization:import'], 'its deletion is not part of its history';

done_testing;
