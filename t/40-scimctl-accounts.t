# SPDX-License-Identifier: Apache-2.0
# scimctl account: changes of one account, export, and erasure with proof.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Encode qw(decode_utf8 encode_utf8);
use File::Temp ();
use JSON::PP ();
use MIME::Base64 ();
use Scim::Process;
use Scim::Test;

my ($program, @db) = server()->scimctl;
my $org = organization();
my $key = $org->{key};

# (exit status, stdout, stderr)
sub given {
    my ($input, @arguments) = @_;
    my $done = Scim::Process::run([$program, @db, map { encode_utf8($_) } @arguments], input => encode_utf8($input));
    return ($done->{status}, map { decode_utf8($_) } @$done{qw(out err)});
}
sub scimctl { return given('', @_) }
sub out { my ($status, $out, $err) = scimctl(@_); return $status == 0 ? $out : die "@_: $err" }
sub json { return JSON::PP->new->decode(out('--json', @_)) }
sub refused {
    my ($message, $name, @arguments) = @_;
    my $events = event_count($org);
    my ($status, $out, $err) = scimctl(@arguments);
    is $status, 1, "$name: exit status 1";
    like $err, $message, $name;
    is $out, '', "$name: nothing on standard output";
    return is event_count($org), $events, "$name: no event";
}
sub kinds_of {
    my ($id, $of) = @_;
    return [map { $_->[0] =~ s/.*:event:(?:prov:)?//r } sql('SELECT kind FROM scim.event WHERE organization_id = $1 AND account_id = $2 ORDER BY sequence',
                                                            ($of || $org)->{id}, $id)];
}
sub user { my ($id) = @_; return $org->get("/Users/$id")->{json} }

# account set
my $taro = $org->create(userName => 'taro@example.com', displayName => 'Taro Yamada', title => 'Clerk', preferredLanguage => 'ja',
    emails => [{ value => 'taro@example.com', type => 'work' }, { value => 'taro@home.example', type => 'home' }]);
my $id = $taro->{id};
like out('account', 'set', $key, 'TARO@example.com', 'displayName=山田 太郎', 'title=', 'emails[type eq "work"].value=yamada@example.com', 'name.familyName=Yamada',
         'active=False', 'roles=USER', "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department=R & D = research"),
    qr/^displayName +山田 太郎$/m, 'account set changes attributes by the paths of a PATCH, and shows the account';
my $changed = user($id);
is_deeply [@$changed{qw(displayName title active)}], ['山田 太郎', undef, FALSE], 'texts, and truths; an empty value removes the attribute';
is_deeply $changed->{emails}, [{ value => 'yamada@example.com', type => 'work' }, { value => 'taro@home.example', type => 'home' }],
    'an element that a filter chooses, whose equals sign is not the one';
is_deeply [$changed->{roles}[0]{value}, $changed->{name}{familyName}, $changed->{ENT()}{department}], ['USER', 'Yamada', 'R & D = research'],
    'the role, a part, and an attribute of the extension';
is_deeply kinds_of($id), [qw(create:full patch:full deactivate role:user)], 'with the events of a PATCH';
is +(sql('SELECT actor_kind FROM scim.event WHERE organization_id = $1 ORDER BY sequence DESC LIMIT 1', $org->{id}))[0][0], 'operator', 'by the operator';
my $events = event_count($org);
out('account', 'set', $key, $id, 'active=false');
is event_count($org), $events, 'what it has already changes nothing';
like out('account', 'set', $key, $id, 'userName=taro.yamada@example.com'), qr/^userName +taro\.yamada\@example\.com$/m, 'the userName can be set';
is json('account', 'set', $key, $id, 'title=Boss')->{title}, 'Boss', 'with --json the User is printed';
refused(qr/unknown attribute 'titel'/, 'a name that is typed wrong', 'account', 'set', $key, $id, 'displayName=Wrong', 'titel=x');
refused(qr/immutable attribute 'preferredLanguage'/, 'what is set once', 'account', 'set', $key, $id, 'preferredLanguage=en');
refused(qr/unknown role 'BOSS'/, 'an unknown role', 'account', 'set', $key, $id, 'roles=BOSS');
refused(qr/is not ATTRIBUTE=VALUE/, "'$_'", 'account', 'set', $key, $id, $_) for 'title', '=x', 'emails[type eq "a=b"]';
refused(qr/userName 'admin-$key\@example\.com' already/, 'a userName that is taken', 'account', 'set', $key, $id, "userName=$org->{issuer_name}");
refused(qr/userName must be an e-mail address/, 'a userName that is none', 'account', 'set', $key, $id, 'userName=taro');
refused(qr/displayName/, 'a value that is required', 'account', 'set', $key, $id, 'displayName=');
refused(qr/SCIM token that is still valid/, 'the role of the issuer of a token', 'account', 'set', $key, $org->{issuer_name}, 'roles=USER');
refused(qr/no account 'nobody\@example\.com'/, 'an unknown account', 'account', 'set', $key, 'nobody@example.com', 'title=x');
like +(scimctl('account', 'set', $key, $id))[2], qr/ATTRIBUTE=VALUE/, 'without an attribute the usage is wrong';

# account activate, deactivate
like out('account', 'activate', $key, $id), qr/^active +yes$/m, 'account activate';
like out('account', 'deactivate', $key, 'taro.yamada@example.com'), qr/^active +no$/m, 'account deactivate';
is user($id)->{active}, FALSE, 'the account is inactive';
is_deeply [@{ kinds_of($id) }[-4 .. -1]], [qw(patch:full activate patch:full deactivate)], 'both are events';
refused(qr/SCIM token that is still valid/, 'the issuer of a token', 'account', 'deactivate', $key, $org->{issuer_name});
given("userName,displayName,managed\nown\@example.com,Own,false\n", 'account', 'import', $key, '-');
refused(qr/not a Managed Account/, 'an account of its owner', 'account', 'deactivate', $key, 'own@example.com');

# account delete
my $leaver = $org->create(userName => 'leaver@example.com')->{id};
refused(qr/no terminal to ask on.*--yes/, 'account delete without a terminal', 'account', 'delete', $key, $leaver);
is out('account', 'delete', $key, 'Leaver@example.com', '--yes'), "Deleted: leaver\@example.com\n", 'account delete --yes';
is $org->get("/Users/$leaver")->{status}, 404, 'the account is gone';
is_deeply kinds_of($leaver), [qw(create:full delete)], 'which is an event';
refused(qr/no account/, 'an account that is deleted', 'account', 'delete', $key, $leaver, '--yes');
refused(qr/SCIM token that is still valid/, 'the issuer', 'account', 'delete', $key, $org->{issuer_name}, '--yes');
my $seen = Scim::Process::run(['script', '-qec', "$program --db '$db[1]' account delete $key own\@example.com", '/dev/null'], input => "n\n")->{out};
like $seen, qr/Delete the account 'own\@example\.com' of '$key'\? \[y\/N\]/, 'on a terminal it asks';
like $seen, qr/Nothing was done/, 'and takes no for an answer';

# account export: the form of import
my $from = organization();
my $to = organization();
my $file = "userName,displayName,role,active,externalId,preferredLanguage,timezone,managed,syncEligible\n"
    . qq(admin-$from->{key}\@example.com,Administrator,ADMIN,true,,,,true,true\n)
    . qq(comma\@example.com,"Smith, ""Jo""",USER,false,e-1,ja,Asia/Tokyo,true,false\n)
    . qq(lines\@example.com,"Smith, Zoë",GUEST,true,"of two\nlines",,,false,true\n);
my ($status, $printed, $err) = given($file, 'account', 'import', $from->{key}, '-', '--update');
is $status, 0, 'a file with all columns is imported' or diag $err;
is out('account', 'export', $from->{key}), $file, 'account export gives the file that was imported';
sql('DELETE FROM scim.token WHERE organization_id = $1', $to->{id});
sql('DELETE FROM scim.account WHERE organization_id = $1', $to->{id});
given(out('account', 'export', $from->{key}), 'account', 'import', $to->{key}, '-');
is out('account', 'export', $to->{key}), $file, 'and so it does from the organization that imported that';
like +(given(out('account', 'export', $from->{key}), 'account', 'import', $from->{key}, '-', '--update'))[1], qr/^0 account\(s\) created, 0 changed, 3 unchanged/,
    'an update by it changes nothing';
is out('account', 'export', $from->{key}, '--filter', 'active eq false'), join("\n", (split /\n/, $file)[0, 2]) . "\n", 'account export --filter';
is_deeply [map { JSON::PP->new->decode($_) } split /\n/, out('--json', 'account', 'export', $from->{key}, '--filter', 'roles.value eq "user"')],
    [{ userName => 'comma@example.com', displayName => 'Smith, "Jo"', role => 'USER', active => FALSE, externalId => 'e-1', preferredLanguage => 'ja',
       timezone => 'Asia/Tokyo', managed => TRUE, syncEligible => FALSE }], 'with --json each account is an object';
SKIP: {
    my $dir = File::Temp::tempdir(CLEANUP => 1);
    Scim::Process::run(['localedef', '-i', 'tr_TR', '-f', 'UTF-8', "$dir/tr_TR.UTF-8"])->{status} == 0 or skip 'no Turkish locale', 1;
    local @ENV{qw(LOCPATH LC_ALL)} = ($dir, 'tr_TR.UTF-8');
    my @lines = split /\n/, $file;
    is out('account', 'export', $from->{key}, '--filter', 'userName co "LINES"'), join("\n", @lines[0, 3, 4]) . "\n", 'also where the small letter of I is another one';
}
my $many = "userName,displayName,role\n" . join '', map { sprintf "n%04d\@example.com,N,GUEST\n", $_ } 1 .. 1200;
given($many, 'account', 'import', $to->{key}, '-');
is scalar(() = out('account', 'export', $to->{key}) =~ /^n\d{4}\@example\.com,/mg), 1200, 'more than a page of accounts is exported';
refused(qr/filter/i, 'a bad filter', 'account', 'export', $key, '--filter', 'userName xx "a"');

# account export of one person, and account forget
sub as_admin {
    my ($name, $method, $path, $body) = @_;
    return Scim::Test::http()->request($method => "/organizations/$key/api/$path", [Authorization => 'Basic ' . MIME::Base64::encode("$name:x", ''),
        Origin => server()->{url}, 'Content-Type' => 'application/json'], $body);
}
my $hana = $org->create(userName => 'hana.secret@example.com', displayName => 'Hana Secretname', externalId => 'hana-extern', title => 'Private title',
    name => { givenName => 'Hanagiven', familyName => 'Hanafamily' }, emails => [{ value => 'hana.private@home.example' }],
    phoneNumbers => [{ value => '+81-3-5555-0199' }], roles => [{ value => 'ADMIN' }])->{id};
my $group = $org->post('/Groups', { displayName => 'Sales', members => [{ value => $hana }, { value => $id }] })->{json}{id};
$org->patch_ops($hana, { op => 'replace', path => 'userName', value => 'hana.married@example.com' });
is as_admin('hana.married@example.com', 'PATCH', "members/$id", '{"displayName":"By Hana"}')->{status}, 200, 'an administrator edits an account';
$org->post('/Users', { userName => 'HANA.married@example.com', displayName => 'Copy' });
$org->patch_ops($id, { op => 'replace', path => 'userName', value => 'hana.married@example.com' });
$org->patch_ops($hana, { op => 'replace', path => 'active', value => 'perhaps' });
$org->post('/Users', { userName => 'hana.private@home.example', displayName => 'By her address', active => 'perhaps' });
$org->post('/Users', { userName => 'no-address-of-hers', displayName => 'Other' });
$org->post('/Users', { userName => 'no-address-either', displayName => $_ }) for 'HANA SECRETNAME', 'Hanagiven Hanafamily';
my $person = json('account', 'export', $key, 'hana.married@example.com');
is_deeply [$person->{organization}, $person->{id}, $person->{account}{displayName}, $person->{account}{groups}[0]{display}, $person->{account}{managed}],
    [$key, $hana, 'Hana Secretname', 'Sales', TRUE], 'account export KEY USERNAME has the account with its groups';
is_deeply [map { $_->{kind} =~ s/.*:event:(?:prov:)?//r } @{ $person->{events} }], [qw(create:full patch:full patch:full)], 'what was done to it, and what it did';
is $person->{events}[2]{actor}, 'hana.married@example.com', 'as an administrator';
cmp_ok scalar @{ $person->{refusals} }, '>=', 2, 'and what was refused';
is_deeply [grep { defined } map { $_->{displayName} } @{ $person->{refusals} }], ['Copy', 'By her address'], 'with the names that were sent';
refused(qr/Nothing is known of/, 'an id that nobody has or had', 'account', 'export', $key, '00000000-0000-4000-8000-000000000000');
refused(qr/--filter/, 'a filter for one person', 'account', 'export', $key, $hana, '--filter', 'active eq true');

sub dump_has {
    my ($text) = @_;
    my $done = Scim::Process::run([Scim::Server::pg('pg_dump'), '-h', server()->{pghost}, '-U', 'postgres', '-d', 'scim', '--data-only', '-n', 'scim'], seconds => 60);
    die $done->{err} if $done->{status};
    return scalar grep { /\Q$text\E/i } grep { /\Q$org->{id}\E/ } split /\n/, decode_utf8($done->{out});
}
my @personal = ('hana.secret', 'hana.married', 'hana-extern', 'Secretname', 'Private title', 'Hanagiven', 'Hanafamily', 'hana.private', '5555-0199');
cmp_ok dump_has($_), '>', 0, "the database has '$_'" for @personal;
my $before = [sql('SELECT * FROM scim.event WHERE organization_id = $1 ORDER BY sequence', $org->{id})];
my $counts = json('account', 'forget', $key, 'hana.married@example.com', '--dry-run');
is_deeply [@$counts{qw(id accounts memberships events acts dryRun)}], [$hana, 1, 1, 2, 1, TRUE], 'account forget --dry-run counts';
cmp_ok $counts->{refusals}, '>=', 4, 'also refusals that quote a name';
is_deeply [sql('SELECT * FROM scim.event WHERE organization_id = $1 ORDER BY sequence', $org->{id})], $before, 'and changes nothing';
refused(qr/--yes/, 'account forget without a terminal', 'account', 'forget', $key, $hana);
refused(qr/SCIM token that is still valid/, 'to forget the issuer of a token', 'account', 'forget', $key, $org->{issuer_name}, '--yes');
my $version = (sql('SELECT version FROM scim.user_group WHERE organization_id = $1 AND id = $2', $org->{id}, $group))[0][0];
is_deeply json('account', 'forget', $key, 'hana.married@example.com', '--yes'), { %$counts, dryRun => FALSE }, 'account forget does what was counted';
is dump_has($_), 0, "the database does not have '$_' any more" for @personal;
is $org->get("/Users/$hana")->{status}, 404, 'the account is gone';
is_deeply [map { $_->{value} } @{ $org->get("/Groups/$group")->{json}{members} }], [$id], 'and has left its group';
cmp_ok +(sql('SELECT version FROM scim.user_group WHERE organization_id = $1 AND id = $2', $org->{id}, $group))[0][0], '>', $version, 'whose version counts that';
is_deeply kinds_of($hana), [qw(create:full patch:full delete account:forget)], 'the events stay, and two are added';
is_deeply [sql('SELECT data, actor_kind, version FROM scim.event WHERE organization_id = $1 AND account_id = $2 ORDER BY sequence LIMIT 3', $org->{id}, $hana)],
    [['{}', 'token', 1], ['{}', 'token', 2], ['{}', 'operator', 2]], 'without what they said';
my ($proof) = map { JSON::PP->new->decode($_->[0]) } sql('SELECT data FROM scim.event WHERE organization_id = $1 AND kind = $2', $org->{id},
                                                       'urn:mod_scim:event:account:forget');
is_deeply $proof, { map { ($_ => $counts->{$_}) } qw(accounts memberships events acts refusals) }, 'the last one is the proof, with the numbers';
is +(sql('SELECT actor_name FROM scim.event WHERE organization_id = $1 AND actor_kind = $2', $org->{id}, 'account'))[0][0], $hana,
    'where the person was the actor, there is the id';
is_deeply [map { [@$_{qw(userName displayName)}] } @{ json('activity', 'list', $key, '--outcome', 'refused') }], [(['no-address-either', undef]) x 2, ['no-address-of-hers', 'Other']],
    'refusals of others stay, but for the name if it is the same';
like out('activity', 'list', $key, '--account', $hana), qr/ \Q$hana\E +account:forget /, 'activity list names the person by the id';
is user($id)->{displayName}, 'By Hana', 'what the person did to others, too';
is $org->create(userName => 'hana.married@example.com')->{userName}, 'hana.married@example.com', 'somebody else may have the userName';
refused(qr/Nothing is known/, 'to forget twice', 'account', 'forget', $key, $hana, '--yes');
refused(qr/no account 'nobody\@example\.com'/, 'to forget an unknown person', 'account', 'forget', $key, 'nobody@example.com', '--yes');
my $feed = Scim::Process::run([$program, @db, '--json', 'events', $key])->{out};
my ($told) = grep { $_->{kind} =~ /account:forget/ } map { JSON::PP::decode_json($_) } split /\n/, $feed;
is $told->{accountId}, $hana, 'readers of the feed are told';

# One who was deleted before
my $gone = $org->create(userName => 'gone.person@example.com', displayName => 'Gone Persona')->{id};
$org->delete("/Users/$gone");
cmp_ok dump_has('Persona'), '>', 0, 'the events of a deleted account have its names';
is_deeply [map { $_->{kind} =~ s/.*://r } @{ json('account', 'export', $key, $gone)->{events} }], [qw(full delete)], 'all about it can be exported by its id';
is out('account', 'forget', $key, $gone, '-y') =~ s/\n.*//sr, '0 account(s) deleted', 'a deleted account is forgotten by its id';
is dump_has($_), 0, "the database does not have '$_' any more" for 'gone.person', 'Gone Persona';

# Only the owner of the tables can do that.
{
    local @ENV{qw(PGHOST PGDATABASE PGUSER)} = (server()->{pghost}, 'scim', 'scim');
    my $done = Scim::Process::run([$program, 'account', 'forget', $key, $id, '--yes']);
    is $done->{status}, 1, 'the role scim cannot forget';
    like $done->{err}, qr/scim_owner/, 'and is told who can';
}
done_testing;
